"""What a merge counts beside rows: fields that an error made null, and entries of a lookup that stand again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.reference import MergeCounts
from include.dynamo_lake.reports import RunReport
from tests.histories.declarations import mended_declaration
from tests.histories.images import LOOKUP_KEYS, MAIN_KEYS
from tests.histories.story import DAY_1, Story, at, full, window
from tests.spark.story import SparkStory

BAD_REWARD, BAD_DEADLINE = {"rewardEarned": {"S": "much"}}, {"taskDeadline": {"S": "soon"}}
JULY = {"taskDeadline": {"S": "2026-07-01"}}


def put_tasks(story: Story, seconds: float, item: int, *tasks: dict[str, Any]) -> None:
    image = {**MAIN_KEYS[item], **DAY_1, "progressDetails": entries(*tasks)}
    story.tables.write(story.pipeline.main.id, MAIN_KEYS[item], image, at(seconds))


def put_campaign(story: Story, seconds: float, *tasks: dict[str, Any]) -> None:
    image = {**LOOKUP_KEYS[0], "campaignTasks": entries(*tasks)}
    story.tables.write("campaign_info", LOOKUP_KEYS[0], image, at(seconds))


def entries(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"L": [{"M": {"taskID": {"S": "t1"}, **task}} for task in tasks]}


def shown(counts: MergeCounts | RunReport | None) -> tuple[dict[str, int], int]:
    assert counts is not None
    return dict(counts.nulled_fields), counts.repeated_lookup_entries


def merges(story: Story) -> Iterator[None]:
    """Everything; another deadline; another item of the same campaign; everything again."""
    put_tasks(story, 1, 0, BAD_REWARD, {}, BAD_REWARD)
    put_tasks(story, 1, 1, BAD_REWARD)
    put_campaign(story, 2, BAD_DEADLINE, {}, JULY)
    yield story.merge(full(5))
    put_campaign(story, 6, JULY)
    yield story.merge(window(5, 8))
    put_campaign(story, 9, JULY, BAD_DEADLINE)
    yield story.merge(window(8, 10))
    put_tasks(story, 11, 2, {})
    yield story.merge(window(10, 12))
    yield story.merge(rebuild=True)


@pytest.mark.deep
def test_a_merge_counts_them_as_the_reference_does(spark: SparkSession, tmp_path: Path) -> None:
    reference, story = Story(mended_declaration()), SparkStory(spark, mended_declaration(), tmp_path)
    counts = []
    for _ in zip(merges(reference), merges(story), strict=True):
        counts.append(shown(story.engine.report))
        assert counts[-1] == shown(reference.engine.counts)
    assert counts[0] == ({"progressDetails[].rewardEarned": 3, "campaignTasks[].taskDeadline": 1}, 2)
