"""The days that a merge names as affected: verification looks for the rows of everything that was stated there."""

from __future__ import annotations

import pytest

from tests.histories.story import DAY_1, DAY_3, window
from tests.spark.story import SparkStory

pytestmark = [pytest.mark.spark, pytest.mark.deep]


def affected_days(story: SparkStory) -> tuple[str, ...]:
    assert story.engine.report is not None
    return story.engine.report.days


def test_an_item_that_a_window_states_again_as_the_stream_did_is_looked_for_on_its_day(story: SparkStory) -> None:
    heard = story.put(6, {**DAY_1, "userCampaignProgressState": {"S": "done"}})
    story.merge(heard)
    story.merge(window(5, 12))
    assert story.engine.report is not None
    assert (story.engine.report.rows.updated, story.engine.report.statements["user_campaign"].applied) == (0, 1)
    assert affected_days(story) == ("2026-01-01",)


def test_an_item_of_which_an_undeclared_attribute_changed_is_looked_for_on_its_day(story: SparkStory) -> None:
    story.put(6, {**DAY_3, "undeclared": {"BOOL": True}}, item=1)
    story.merge(window(5, 12))
    assert affected_days(story) == ("2026-01-03",)


def test_an_item_that_moves_is_looked_for_on_both_days(story: SparkStory) -> None:
    story.put(6, DAY_3)
    story.merge(window(5, 12))
    assert affected_days(story) == ("2026-01-01", "2026-01-03")
