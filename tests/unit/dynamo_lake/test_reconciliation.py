"""Mirrors against what the tables held at one instant: what differs, and the repair. Each history is played on Spark too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.dynamodb_json import key_text
from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.images import MAIN_KEYS
from tests.histories.story import DAY_1, DAY_3, Story, at, full, window

CAMPAIGN = read_declaration("campaign")
MAIN, LOOKUP = "user_campaign", "campaign_info"
KEYS = [key_text(CAMPAIGN.main.key, keys) for keys in MAIN_KEYS]
ON_DAY_1 = [("2026-01-01", "2026-01-01")]
ON_DAY_3 = [("2026-01-03", "2026-01-03")]


@pytest.fixture
def story() -> Story:
    return Story(CAMPAIGN)


def damage(story: Story) -> None:
    """Item 0 has an image that never was, item 1 is taken for deleted, item 2 never existed; all within window [0, 10)."""
    story.put(1, DAY_1, item=0)
    story.put(1, DAY_1, item=1)
    story.merge(window(0, 10))
    story.merge(story.lie(11, DAY_3, item=0), story.lie(11, None, item=1), story.lie(11, DAY_3, item=2))


def test_differences_are_named_by_key_and_kind(story: Story) -> None:
    damage(story)
    found = story.reconcile(20)
    assert found == {MAIN: {KEYS[0]: "different", KEYS[1]: "missing", KEYS[2]: "extra"}, LOOKUP: {}}
    assert story.live() == [*ON_DAY_3, *ON_DAY_3], "comparing changes nothing"
    assert story.lake.mirrors[MAIN].floor is None


def test_a_repair_puts_mirror_and_target_right_and_is_the_floor_of_what_comes_later(story: Story) -> None:
    damage(story)
    story.reconcile(20, repair=True)
    assert story.live() == [*ON_DAY_1, *ON_DAY_1]
    assert [mirror.floor for mirror in story.lake.mirrors.values()] == [at(20), at(20)]
    story.merge(story.lie(11, DAY_3, item=2), window(0, 10))
    assert story.live() == [*ON_DAY_1, *ON_DAY_1]
    assert story.reconcile(20) == {MAIN: {}, LOOKUP: {}}


def test_a_repair_leaves_rows_that_agree_as_they_are(story: Story) -> None:
    damage(story)
    story.put(12, DAY_1, item=2)
    story.merge(window(12, 15))
    before = story.lake.mirrors[MAIN].rows[KEYS[2]]
    story.reconcile(20, repair=True)
    assert story.lake.mirrors[MAIN].rows[KEYS[2]] == before


SETS = {
    "mood": {"SS": ['b"]', 'a, "SS":["z"', "ä🎉", "x" * 20_000]},
    "deep": {"L": [{"M": {"SS": {"NS": ["10", "9", "1"]}}}, {"BS": ["Yg==", "YQ=="]}]},
}
TURNED = {
    "mood": {"SS": SETS["mood"]["SS"][::-1]},
    "deep": {"L": [{"M": {"SS": {"NS": ["9", "1", "10"]}}}, {"BS": ["YQ==", "Yg=="]}]},
}
OTHER_ORDER_OF_A_LIST = {**SETS, "deep": {"L": SETS["deep"]["L"][::-1]}}
OTHER_MEMBER = {**SETS, "mood": {"SS": ["c", *SETS["mood"]["SS"][1:]]}}


def test_members_of_sets_have_no_order_and_those_of_lists_have_one(story: Story) -> None:
    for item in (0, 1, 2):
        story.put(1, {**DAY_1, **SETS}, item=item)
    story.merge(window(0, 10))
    for item, image in enumerate((TURNED, OTHER_ORDER_OF_A_LIST, OTHER_MEMBER)):
        story.tables.writes.append(
            replace(story.tables.writes[item], image={**story.tables.writes[item].image, **image})
        )
    assert story.reconcile(20)[MAIN] == {KEYS[1]: "different", KEYS[2]: "different"}


def test_what_the_mirror_knows_later_than_the_export_is_not_compared_and_not_undone(story: Story) -> None:
    story.put(1, DAY_1)
    story.merge(window(0, 10))
    story.merge(story.put(25, DAY_3), story.put(25.5, DAY_1, item=1))
    assert story.reconcile(20, repair=True) == {MAIN: {}, LOOKUP: {}}
    assert sorted(story.live()) == [*ON_DAY_1, *ON_DAY_3]


def test_an_item_deleted_after_the_export_stays_deleted(story: Story) -> None:
    story.put(1, DAY_1)
    story.merge(window(0, 10))
    story.merge(story.delete(25))
    assert story.reconcile(20, repair=True) == {MAIN: {}, LOOKUP: {}}
    assert story.live() == []


def test_an_export_older_than_the_floor_says_nothing(story: Story) -> None:
    story.put(1, DAY_1)
    story.merge(full(30))
    story.delete(31)
    story.merge(window(30, 40))
    assert story.reconcile(20, repair=True) == {MAIN: {}, LOOKUP: {}}
    assert (story.live(), story.lake.mirrors[MAIN].floor) == ([], at(30))


def test_a_row_of_the_exports_own_version_is_replaced_where_it_differs(story: Story) -> None:
    story.put(1, DAY_1)
    honest = story.tables.writes[0]
    story.tables.writes[0] = story.lie(1, DAY_3)
    story.merge(window(0, 20))
    story.tables.writes[0] = honest
    assert story.reconcile(20, repair=True)[MAIN] == {KEYS[0]: "different"}
    assert story.live() == ON_DAY_1


def test_members_in_another_order_are_no_difference(story: Story) -> None:
    story.put(1, DAY_1)
    honest = story.tables.writes[0]
    assert honest.image is not None
    story.merge(window(0, 10))
    image = dict(reversed(honest.image.items()))
    story.tables.writes[0] = type(honest)(honest.source, honest.keys, image, honest.at, honest.number, honest.key)
    assert story.reconcile(20) == {MAIN: {}, LOOKUP: {}}


@pytest.mark.parametrize("step", ["repair:user_campaign", "repair:campaign_info", "quarantine", "target"])
def test_a_repair_that_crashed_is_finished_by_another_one(story: Story, step: str) -> None:
    damage(story)
    story.reconcile(20, repair=True, crash_before=step)
    story.reconcile(20, repair=True)
    assert story.live() == [*ON_DAY_1, *ON_DAY_1]


@pytest.mark.parametrize("step", ["mirror:campaign_info", "quarantine", "target"])
def test_a_rebuild_that_crashed_is_finished_by_whichever_merge_comes_next(story: Story, step: str) -> None:
    story.mend(unmended_declaration())
    story.put(1, {"createdAt": {"N": "1767225600"}})
    story.put(1, DAY_3, item=1)
    story.merge(window(0, 2))
    assert len(story.lake.quarantine) == 1
    story.mend(CAMPAIGN)
    story.merge(rebuild=True, crash_before=step)
    story.merge(window(2, 3))
    assert (story.live(), dict(story.lake.quarantine)) == ([*ON_DAY_1, *ON_DAY_3], {})
    before = dict(story.lake.target.rows), story.lake.target.derived_through
    story.merge(window(2, 3))
    assert (dict(story.lake.target.rows), story.lake.target.derived_through) == before, "it is rebuilt once"


@pytest.mark.parametrize("step", ["mirror:campaign_info", "quarantine", "target"])
def test_a_declaration_mended_again_after_a_rebuild_that_crashed_leaves_no_old_row(story: Story, step: str) -> None:
    story.put(1, DAY_1)
    story.put(1, {"createdAt": {"N": "1767225600"}}, item=1)
    story.merge(window(0, 2))
    story.mend(unmended_declaration())
    story.merge(rebuild=True, crash_before=step)
    story.mend(mended_declaration())
    story.put(3, DAY_3)
    story.merge(window(2, 5))
    assert story.live() == [*ON_DAY_1, *ON_DAY_3]


def test_a_full_export_that_finishes_a_crashed_rebuild_sweeps_what_is_gone(story: Story) -> None:
    story.put(1, {"createdAt": {"N": "1767225600"}})
    story.put(1, DAY_3, item=1)
    story.merge(window(0, 2))
    story.mend(unmended_declaration())
    story.merge(rebuild=True, crash_before="target")
    story.delete(3)
    story.merge(full(10))
    assert (story.live(), dict(story.lake.quarantine)) == (ON_DAY_3, {})
