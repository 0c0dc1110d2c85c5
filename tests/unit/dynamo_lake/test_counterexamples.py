"""The short histories that broke earlier versions of the merge, each against the reference."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from include.dynamo_lake.coverage import TOMBSTONES_KEPT, Coverage, FullExport, finish
from include.dynamo_lake.declaration import read_declaration
from tests.histories.declarations import unmended_declaration
from tests.histories.story import DAY_1, DAY_3, Story, at, full, window

ON_DAY_1 = [("2026-01-01", "2026-01-01")]
ON_DAY_3 = [("2026-01-03", "2026-01-03")]
CAMPAIGN = read_declaration("campaign")


@pytest.fixture
def story() -> Story:
    return Story(CAMPAIGN)


@pytest.mark.parametrize("order", list(permutations((window(0, 12), window(4, 10)))))
def test_an_item_that_moved_to_another_day_has_one_row_in_either_order_of_windows(story: Story, order) -> None:
    story.put(5.9, DAY_1)
    story.put(9.0, DAY_3)
    for item in order:
        story.merge(item)
    assert story.live() == ON_DAY_3


def test_an_item_that_moved_to_another_day_after_a_full_export_has_one_row(story: Story) -> None:
    story.put(5.9, DAY_1)
    story.put(10.0, DAY_3)
    story.merge(full(8))
    assert story.live() == ON_DAY_1
    story.merge(window(0, 12))
    assert story.live() == ON_DAY_3


def test_an_item_recreated_on_another_day_within_a_window_leaves_nothing_on_the_old_day(story: Story) -> None:
    story.put(1, DAY_1)
    story.merge(window(0, 2))
    story.delete(3)
    story.put(4, DAY_3)
    story.merge(window(2, 5))
    assert story.live() == ON_DAY_3


def test_an_item_stored_without_a_day_has_one_row_after_the_declaration_is_mended_and_its_window_replayed(
    story: Story,
) -> None:
    story = story.under(unmended_declaration())
    story.put(1, {"createdAt": {"N": "1767225600"}})
    story.merge(window(0, 2))
    assert (len(story.lake.quarantine), dict(story.lake.target.rows)) == (1, {})
    story.mend(CAMPAIGN)
    story.merge(rebuild=True)
    story.merge(window(0, 2))
    assert (story.live(), dict(story.lake.quarantine)) == (ON_DAY_1, {})


def test_a_window_that_ends_later_beats_a_stream_record_of_a_second_within_it(story: Story) -> None:
    first = story.put(8.0, DAY_1)
    story.put(8.9, DAY_3)
    story.merge(window(0, 12))
    story.merge(first)
    assert story.live() == ON_DAY_3


def test_a_late_window_does_not_bring_back_what_a_full_export_found_gone(story: Story) -> None:
    story.put(4)
    story.delete(8)
    story.merge(full(12))
    story.merge(window(3, 5))
    assert story.live() == []


def test_an_older_full_export_does_not_bring_back_what_a_newer_one_found_gone(story: Story) -> None:
    story.put(4)
    story.delete(7.6)
    story.merge(full(10))
    story.merge(full(7))
    assert story.live() == []


def test_a_replay_after_the_purge_does_not_bring_back_what_was_deleted(story: Story) -> None:
    story.put(1)
    story.delete(9)
    story.merge(window(0, 8), window(8, 12))
    story.covered_through = at(13)
    story.now = at(14) + TOMBSTONES_KEPT
    story.merge(window(13, 14))
    assert story.lake.mirrors["user_campaign"].rows == {}, "the tombstone is purged"
    story.merge(window(0, 8))
    assert story.live() == []


def test_a_tombstone_that_no_run_has_derived_yet_is_not_purged(story: Story) -> None:
    story.put(1)
    story.merge(window(0, 2))
    story.delete(3)
    story.merge(window(2, 4), crash_before="target")
    story.covered_through = at(5)
    story.now = at(6) + TOMBSTONES_KEPT
    story.merge(window(4, 5))
    assert story.live() == []
    story.now += timedelta(days=1)
    story.merge(window(4, 5))
    assert story.lake.mirrors["user_campaign"].rows == {}


def test_a_full_export_that_repairs_a_gap_removes_the_target_rows_of_what_is_gone(story: Story) -> None:
    story.put(1)
    story.merge(window(0, 2))
    story.delete(5)
    story.merge(full(10))
    assert (story.live(), story.lake.target.rows) == ([], {})


@pytest.mark.parametrize("step", ["mirror:campaign_info", "quarantine", "target"])
def test_rows_of_a_run_that_crashed_after_its_mirrors_are_derived_by_whichever_batch_comes_next(
    story: Story, step: str
) -> None:
    story.put(1)
    story.merge(window(0, 2), crash_before=step)
    assert dict(story.lake.target.rows) == {}
    story.merge(window(2, 3))
    assert story.live() == ON_DAY_1


def test_rows_on_the_old_day_go_when_the_run_that_moved_the_item_crashed(story: Story) -> None:
    story.put(1, DAY_1)
    story.merge(window(0, 2))
    story.put(3, DAY_3)
    story.merge(window(2, 4), crash_before="target")
    story.merge(window(4, 5))
    assert story.live() == ON_DAY_3


def test_a_full_export_and_later_windows_in_one_batch_keep_every_live_item(story: Story) -> None:
    story.put(1, item=0)
    story.put(2, item=1)
    story.put(12, DAY_3, item=2)
    story.merge(window(10, 13), full(10))
    assert story.live() == [*ON_DAY_1, *ON_DAY_1, *ON_DAY_3]


def test_the_known_limit_an_insert_heard_whose_deletion_the_stream_lost_stays_until_a_full_export(story: Story) -> None:
    heard = story.put(1)
    story.delete(2)
    story.merge(heard)
    story.merge(window(0, 12))
    assert story.live() == ON_DAY_1
    story.merge(full(20))
    assert story.live() == []


def test_a_window_that_is_retried_after_a_crash_between_mirrors_and_target_is_derived(story: Story) -> None:
    story.put(1)
    story.merge(window(0, 2), crash_before="target")
    story.merge(window(0, 2))
    assert story.live() == ON_DAY_1


def test_a_stream_record_late_in_the_second_before_a_window_ends_yields_to_that_window(story: Story) -> None:
    early = story.put(2.6, DAY_1)
    story.put(2.9, DAY_3)
    story.merge(window(0, 3))
    story.merge(early)
    assert story.live() == ON_DAY_3
    late = story.put(3.0, DAY_1)
    story.merge(late)
    story.merge(window(0, 3))
    assert story.live() == ON_DAY_1


def test_the_run_number_counts_from_derived_through_too(story: Story) -> None:
    story.put(1)
    story.merge(window(0, 2), crash_before="target")
    story.merge(window(2, 3))
    story.put(4, DAY_3)
    story.merge(window(3, 5))
    assert story.live() == ON_DAY_3


def test_a_run_with_unmerged_windows_is_not_overtaken_by_the_purge(story: Story) -> None:
    story.put(0.5, item=1)
    story.merge(window(0, 1))
    story.put(1)
    story.delete(1.5, item=1)
    story.merge(window(1, 2))
    story.delete(3)
    story.covered_through = at(2)
    story.now = at(4) + 2 * TOMBSTONES_KEPT
    story.merge(window(4, 5))
    story.merge(window(2, 4))
    assert story.live() == []


def test_coverage_never_moves_back_when_a_run_finishes_after_a_later_one() -> None:
    planned = Coverage(covered_through=at(0), since=at(0), plan=(window(0, 900),))
    bootstrapped = finish(Coverage(at(0), at(0), (FullExport(at(1800)),)), [FullExport(at(1800))], now=at(1800))
    assert finish(bootstrapped, planned.plan, now=at(1801)) == bootstrapped


def test_a_full_export_older_than_the_floor_does_not_sweep_live_items(story: Story) -> None:
    story.put(1, item=0)
    story.put(1, item=1)
    story.merge(window(0, 2))
    story.delete(2, item=1)
    story.merge(window(2, 4))
    story.covered_through = at(6)
    story.now = at(7) + TOMBSTONES_KEPT
    story.merge(window(4, 6))
    assert story.lake.mirrors["user_campaign"].floor == at(6), "the purge raised the floor"
    story.merge(full(5))
    assert story.live() == ON_DAY_1


def test_a_batch_applied_again_is_stale_and_writes_nothing(story: Story) -> None:
    story.put(1)
    story.merge(window(0, 2))
    mirror, target = story.lake.mirrors["user_campaign"], story.lake.target
    story.merge(window(0, 2))
    assert story.lake.mirrors["user_campaign"] is mirror
    assert story.lake.target is target


def test_a_full_export_does_not_sweep_what_was_written_after_it(story: Story) -> None:
    story.merge(story.put(10.5), full(10))
    assert story.live() == ON_DAY_1


def test_a_moved_deadline_reaches_rows_whose_own_item_did_not_change(story: Story) -> None:
    story.put(1)
    story.put_deadline(1, "2026-05-01")
    story.merge(window(0, 2))
    story.put_deadline(3, "2026-06-01")
    story.merge(window(2, 4), crash_before="target")
    story.merge(window(4, 5))
    deadlines = [row["task_deadline"] for rows in story.lake.target.rows.values() for row in rows]
    assert [deadline.isoformat() for deadline in deadlines] == ["2026-06-01T00:00:00"]


def test_stream_records_of_one_second_are_ordered_by_their_sequence_numbers(story: Story) -> None:
    first, second = story.put(5.1, DAY_1), story.put(5.2, DAY_3)
    story.merge(second)
    story.merge(first)
    assert story.live() == ON_DAY_3


def test_a_late_stream_deletion_below_now_is_still_heard_after_a_purge(story: Story) -> None:
    story.put(1)
    story.put(1, item=1)
    story.merge(window(0, 2))
    story.delete(3, item=1)
    story.merge(window(2, 4))
    deletion = story.delete(10)
    story.covered_through = at(5)
    story.now = at(6) + TOMBSTONES_KEPT + timedelta(seconds=30)
    story.merge(window(4, 5))
    assert story.lake.mirrors["user_campaign"].floor == at(5), "the purge raised the floor"
    story.merge(deletion)
    assert story.live() == []
