"""A declaration that grows: the target is widened in place, nothing is rebuilt; one that shrinks is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.merging.context import Lake
from include.dynamo_lake.declaration import Attribute, Column, Pipeline, read_declaration
from include.dynamo_lake.errors import ContractError
from tests.histories.story import DAY_1, DAY_3, full, window
from tests.spark.story import SparkStory

pytestmark = pytest.mark.spark

LONG_REWARD = {**DAY_1, "totalTaskRewardsEarned": {"N": "1234567890123.5"}, "mood": {"S": "glad"}}


def widened() -> Pipeline:
    """The shipped declaration with one more column, in the middle, and longer rewards."""
    pipeline = read_declaration("campaign")
    mood = Column("mood", "string", "item", Attribute(None, "mood"), ("S",), required=False, on_error="quarantine")
    columns: list[Column] = []
    for column in pipeline.target.columns:
        columns.append(replace(column, type="decimal(20,6)") if column.name == "total_task_rewards_earned" else column)
        if column.name == "updated_at":
            columns.append(mood)
    return replace(pipeline, target=replace(pipeline.target, columns=tuple(columns)))


def declare(story: SparkStory, pipeline: Pipeline) -> None:
    story.engine.lake = Lake(story.engine.lake.spark, pipeline, story.engine.lake.database, None)


def rows(story: SparkStory) -> list[dict[str, Any]]:
    return [row.asDict() for row in story.engine.lake.target.read().orderBy("user_id", "campaign_id").collect()]


@pytest.fixture
def story(spark: SparkSession, tmp_path: Path) -> SparkStory:
    story = SparkStory(spark, read_declaration("campaign"), tmp_path)
    story.put(1, {**DAY_1, "mood": {"S": "calm"}})
    story.put(2, DAY_3, item=1)
    story.merge(full(5))
    return story


def test_a_new_column_and_a_longer_decimal_widen_the_table_and_reach_an_item_when_it_changes(story: SparkStory) -> None:
    declare(story, widened())
    story.put(6, {**LONG_REWARD, **DAY_3}, item=1)
    story.merge(window(5, 12))
    schema = story.engine.lake.target.read().schema
    assert schema.names == [column.name for column in widened().target.columns]
    assert schema["total_task_rewards_earned"].dataType.simpleString() == "decimal(20,6)"
    found = {row["mood"]: row["total_task_rewards_earned"] for row in rows(story)}
    assert found == {None: None, "glad": Decimal("1234567890123.500000")}
    assert story.engine.report is not None
    assert (story.engine.report.rows.updated, story.engine.report.rows.inserted) == (1, 0)


@pytest.mark.deep
def test_a_rebuild_fills_the_new_column_of_items_that_did_not_change(story: SparkStory) -> None:
    story.mend(widened())
    story.merge(rebuild=True)
    assert sorted(str(row["mood"]) for row in rows(story)) == ["None", "calm"]


def narrowed(change: str) -> Pipeline:
    pipeline = read_declaration("campaign")
    columns = {column.name: column for column in pipeline.target.columns}
    if change == "removed":
        del columns["validated_at"]
    else:
        columns["reward_earned"] = replace(columns["reward_earned"], type=change)
    return replace(pipeline, target=replace(pipeline.target, columns=tuple(columns.values())))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("removed", "column validated_at is no longer declared"),
        ("decimal(12,6)", "column reward_earned is decimal(18,6), declared as decimal(12,6)"),
        ("decimal(18,2)", "column reward_earned is decimal(18,6), declared as decimal(18,2)"),
        ("string", "column reward_earned is decimal(18,6), declared as string"),
    ],
)
def test_a_narrowing_is_refused_before_anything_is_written_and_names_the_remedy(
    story: SparkStory, change: str, problem: str
) -> None:
    before = {name: table.snapshot_id() for name, table in story.engine.lake.tables.items()}
    declare(story, narrowed(change))
    story.put(6)
    with pytest.raises(ContractError) as refused:
        story.merge(window(5, 12))
    assert problem in str(refused.value)
    assert "give target.table a new name: the next run makes that table from the mirrors" in str(refused.value)
    assert {name: table.snapshot_id() for name, table in story.engine.lake.tables.items()} == before


@pytest.mark.deep
def test_the_remedy_holds_a_target_of_another_name_gets_every_item_from_the_mirrors(story: SparkStory) -> None:
    pipeline = narrowed("removed")
    declare(story, replace(pipeline, target=replace(pipeline.target, table="user_campaign_tasks_2")))
    story.put(6, DAY_1, item=2)
    story.merge(window(5, 12))
    found = rows(story)
    assert len(found) == 3
    assert "validated_at" not in found[0]
