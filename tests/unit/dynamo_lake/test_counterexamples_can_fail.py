"""Every rule of the merge that is left out breaks the history that asked for it: the counterexamples are no formality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.dynamo_lake.coverage import Coverage, Decision, FullExport, plan_through
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import LakeError
from include.dynamo_lake.reference import merge, mirrors
from include.dynamo_lake.reference.lake import Lake, Mirror
from include.dynamo_lake.versions import export_version, stream_version
from include.dynamo_lake.windows import floor_second
from tests.histories import engine, runs
from tests.histories.story import Story
from tests.unit.dynamo_lake import test_counterexamples as histories
from tests.unit.dynamo_lake import test_law
from tests.unit.dynamo_lake import test_plan_counterexamples as plan_histories

Patch = pytest.MonkeyPatch


def rank_by_the_second_of_the_write(patch: Patch) -> None:
    """A window's statement is as of its write, not as of the window's end."""
    parse = engine.parse_incremental_line

    def written_at(*arguments: Any) -> Any:
        statement = parse(*arguments)
        at = floor_second(datetime.fromtimestamp(statement.written_us / 1e6, UTC))
        return replace(statement, version=export_version(at))

    patch.setattr(engine, "parse_incremental_line", written_at)


def round_seconds_up(patch: Patch) -> None:
    parse = engine.parse_inbox_line

    def rounded_up(*arguments: Any) -> Any:
        statement = parse(*arguments)
        up = stream_version(statement.version.at + timedelta(seconds=1), statement.version.sequence)
        return replace(statement, version=up)

    patch.setattr(engine, "parse_inbox_line", rounded_up)


def forget_the_floor(patch: Patch) -> None:
    merge_mirror = merge.merge_mirror
    patch.setattr(
        merge,
        "merge_mirror",
        lambda pipeline, source, mirror, batch, **numbers: merge_mirror(
            pipeline, source, replace(mirror, floor=None), batch, **numbers
        ),
    )


def forget_what_is_absent_from_a_full_export(patch: Patch) -> None:
    patch.setattr(mirrors, "_swept", lambda rows, at, run: {})


def sweep_whatever_a_full_export_does_not_name(patch: Patch) -> None:
    def swept(rows: Any, at: Any, run: int) -> Any:
        absent = {key: row for key, row in rows.items() if row.image is not None and row.version != export_version(at)}
        return {key: replace(row, image=None, run=run) for key, row in absent.items()}

    patch.setattr(mirrors, "_swept", swept)


def derive_what_this_run_changed(patch: Patch) -> None:
    merge_mirror, changed = merge.merge_mirror, {}

    def remembered(pipeline: Any, source: Any, mirror: Mirror, batch: Any, **numbers: int) -> Any:
        merged = merge_mirror(pipeline, source, mirror, batch, **numbers)
        rows = merged.mirror.rows
        changed[id(rows)] = set() if rows is mirror.rows else {key for key in rows if rows[key] != mirror.rows.get(key)}
        return merged

    patch.setattr(merge, "merge_mirror", remembered)
    patch.setattr(merge, "dirty_keys", lambda mirror, derived_through: changed.get(id(mirror.rows), set()))


def derive_what_the_batch_names(patch: Patch) -> None:
    def named(mirror: Mirror, derived_through: int) -> set[str]:
        return {key for key, row in mirror.rows.items() if row.run > derived_through and row.image is not None}

    patch.setattr(merge, "dirty_keys", named)


def count_runs_from_the_mirrors(patch: Patch) -> None:
    patch.setattr(Lake, "next_run", property(lambda lake: 1 + max(mirror.run for mirror in lake.mirrors.values())))


def purge_what_no_run_has_derived(patch: Patch) -> None:
    purge = mirrors._purge
    patch.setattr(mirrors, "_purge", lambda rows, floor, batch, derived_through: purge(rows, floor, batch, 10**9))


def purge_beyond_what_is_covered(patch: Patch) -> None:
    patch.setattr(mirrors, "purge_horizon", lambda now, covered_through: now - histories.TOMBSTONES_KEPT)


def raise_the_floor_to_the_present(patch: Patch) -> None:
    purge = mirrors._purge
    patch.setattr(
        mirrors, "_purge", lambda rows, floor, batch, through: purge(rows, floor, batch, through) and batch.now
    )


def take_ties(patch: Patch) -> None:
    """A statement replaces a row of the same version too."""
    merge_mirror = merge.merge_mirror

    def replaced(pipeline: Any, source: Any, mirror: Mirror, batch: Any, **numbers: int) -> Any:
        known = {one.key: one.version for one in batch.statements}
        rows = {key: row for key, row in mirror.rows.items() if known.get(key) != row.version}
        return merge_mirror(pipeline, source, replace(mirror, rows=rows), batch, **numbers)

    patch.setattr(merge, "merge_mirror", replaced)


def leave_looked_up_rows(patch: Patch) -> None:
    patch.setattr(merge, "_stale_lookups", lambda lake, dirty_lookups, lookup: set())


def plan_windows_anew(patch: Patch) -> None:
    """What an earlier run planned is forgotten, and one longer window taken."""
    patch.setattr(
        runs,
        "plan_through",
        lambda coverage, until, **names: plan_through(replace(coverage, plan=()), until, **names),
    )


def begin_at_the_first_bootstrap(patch: Patch) -> None:
    patch.setattr(
        runs,
        "plan_through",
        lambda coverage, until, **names: plan_through(
            replace(coverage, covered_through=coverage.since), until, **names
        ),
    )


def bootstrap_at_any_instant(patch: Patch) -> None:
    """The full export is planned at its place in time, and the chain goes on from where it ended."""

    def anywhere(coverage: Coverage, *, now: datetime) -> Decision:
        full = FullExport(now)
        plan = tuple(sorted((full, *coverage.plan), key=lambda item: item.end))
        return Decision(replace(coverage, plan=plan), plan)

    patch.setattr(runs, "plan_bootstrap", anywhere)


PLAN_MUTANTS: dict[Callable[[Patch], None], str] = {
    begin_at_the_first_bootstrap: "a_window_begins_where_the_full_export_before_it_was_taken",
    plan_windows_anew: "a_window_that_a_run_planned_is_not_lengthened_by_the_next",
    bootstrap_at_any_instant: "a_bootstrap_that_is_told_an_instant_before_the_plans_end_is_refused",
}
MUTANTS: dict[Callable[[Patch], None], str] = {
    rank_by_the_second_of_the_write: "a_window_that_ends_later_beats_a_stream_record_of_a_second_within_it",
    round_seconds_up: "a_stream_record_late_in_the_second_before_a_window_ends_yields_to_that_window",
    forget_the_floor: "a_late_window_does_not_bring_back_what_a_full_export_found_gone",
    forget_what_is_absent_from_a_full_export: "a_full_export_that_repairs_a_gap_removes_the_target_rows_of_what_is_gone",
    sweep_whatever_a_full_export_does_not_name: "a_full_export_does_not_sweep_what_was_written_after_it",
    derive_what_this_run_changed: "a_window_that_is_retried_after_a_crash_between_mirrors_and_target_is_derived",
    derive_what_the_batch_names: "a_full_export_that_repairs_a_gap_removes_the_target_rows_of_what_is_gone",
    count_runs_from_the_mirrors: "the_run_number_counts_from_derived_through_too",
    purge_what_no_run_has_derived: "a_tombstone_that_no_run_has_derived_yet_is_not_purged",
    purge_beyond_what_is_covered: "a_run_with_unmerged_windows_is_not_overtaken_by_the_purge",
    raise_the_floor_to_the_present: "a_late_stream_deletion_below_now_is_still_heard_after_a_purge",
    take_ties: "a_batch_applied_again_is_stale_and_writes_nothing",
    leave_looked_up_rows: "a_moved_deadline_reaches_rows_whose_own_item_did_not_change",
}


@pytest.mark.parametrize(("mutate", "history"), MUTANTS.items(), ids=[mutate.__name__ for mutate in MUTANTS])
def test_a_rule_left_out_breaks_its_history(
    monkeypatch: pytest.MonkeyPatch, mutate: Callable[[Patch], None], history: str
) -> None:
    play = getattr(histories, f"test_{history}")
    play(Story(read_declaration("campaign")))
    mutate(monkeypatch)
    with pytest.raises((AssertionError, LakeError)):
        play(Story(read_declaration("campaign")))


@pytest.mark.parametrize(("mutate", "history"), PLAN_MUTANTS.items(), ids=[mutate.__name__ for mutate in PLAN_MUTANTS])
def test_a_rule_of_the_plan_left_out_breaks_its_history(
    monkeypatch: pytest.MonkeyPatch, mutate: Callable[[Patch], None], history: str
) -> None:
    play = getattr(plan_histories, f"test_{history}")
    play(test_law.play)
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        play(test_law.play)
