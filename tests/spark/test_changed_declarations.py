"""Declarations that change between merges: no row stays behind on another day, and what would leave one is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.merging.merge import require_filled_mirrors
from include.dynamo_lake.coverage import PlanItem
from include.dynamo_lake.declaration import Pipeline, read_declaration
from include.dynamo_lake.errors import ContractError
from tests.histories.declarations import unmended_declaration
from tests.histories.engine import FileBatch
from tests.histories.story import DAY_3, Story, full, window
from tests.histories.tables import SimulatedTables
from tests.spark.engine import write_batch
from tests.spark.story import SparkStory

pytestmark = pytest.mark.spark

CAMPAIGN = read_declaration("campaign")
DAY_1_AS_A_NUMBER = {"createdAt": {"N": "1767225600"}}


@pytest.mark.deep
def test_an_item_whose_run_crashed_under_a_strict_declaration_leaves_no_row_behind_when_it_moves_later(
    spark: SparkSession, tmp_path: Path
) -> None:
    stories = [Story(unmended_declaration()), SparkStory(spark, unmended_declaration(), tmp_path)]
    for story in stories:
        story.put(1, DAY_1_AS_A_NUMBER)
        story.merge(window(0, 2), crash_before="target")
        story.mend(CAMPAIGN)
        story.merge(window(2, 3))
        story.put(4, DAY_3)
        story.merge(window(3, 5))
    reference, story = stories
    assert story.live() == [("2026-01-03", "2026-01-03")]
    assert story.engine.tables() == reference.engine.tables()


def by_updates(**target: str) -> Pipeline:
    """The shipped declaration with rows on the day of their item's last update."""
    required = tuple(replace(c, required=True) if c.name == "updated_at" else c for c in CAMPAIGN.target.columns)
    main, lookup = CAMPAIGN.sources
    changed = replace(CAMPAIGN.target, columns=required, partition="updated_at", **target)
    return replace(CAMPAIGN, target=changed, sources=(replace(main, day="updatedAt"), lookup))


def rename_main_source(story: SparkStory) -> None:
    """Deploy the shipped declaration with its main table as a source of another id."""
    main, lookup = CAMPAIGN.sources
    target = replace(CAMPAIGN.target, source="users")
    story.pipeline = replace(CAMPAIGN, sources=(replace(main, id="users"), lookup), target=target)
    writes = [replace(one, source="users") if one.source == main.id else one for one in story.tables.writes]
    story.tables = SimulatedTables(story.pipeline, writes)
    story.mend(story.pipeline)


def require(story: SparkStory, item: PlanItem) -> None:
    files = tuple(story.tables.export(source, item) for source in story.pipeline.sources)
    batch = FileBatch("asked", files, story.now, story.covered_through)
    require_filled_mirrors(story.engine.lake, write_batch(story.engine.store, story.pipeline, batch))


def updated(day: str) -> dict[str, Any]:
    return {**DAY_3, "updatedAt": {"S": f"2026-02-{day}T08:00:00Z"}}


def snapshots(story: SparkStory) -> dict[str, int]:
    return {name: table.snapshot_id() for name, table in story.engine.lake.tables.items() if table.exists()}


@pytest.fixture
def story(spark: SparkSession, tmp_path: Path) -> SparkStory:
    story = SparkStory(spark, CAMPAIGN, tmp_path)
    story.put(1, updated("01"))
    story.put(2, updated("02"), item=1)
    story.merge(full(5))
    story.covered_through = full(5).at
    return story


@pytest.mark.deep
def test_another_partition_column_is_refused_before_anything_is_written_and_names_the_remedy(story: SparkStory) -> None:
    before = snapshots(story)
    story.mend(by_updates())
    with pytest.raises(ContractError, match=r"partitioned by the day of created_at.*give target\.table a new name"):
        story.merge(window(5, 6))
    assert snapshots(story) == before


@pytest.mark.deep
def test_the_remedy_holds_a_target_of_another_name_gets_every_item_on_its_other_day_and_keeps_it_single(
    story: SparkStory,
) -> None:
    story.mend(by_updates(table="tasks_by_update"))
    story.merge(window(5, 6), crash_before="target")
    story.merge(window(5, 6))
    story.put(7, updated("03"))
    story.merge(window(6, 8))
    rows = story.engine.lake.target.read().selectExpr("user_id", "CAST(updated_at AS DATE) AS day").collect()
    assert sorted(str(row["day"]) for row in rows) == ["2026-02-02", "2026-02-03"]


@pytest.mark.deep
def test_a_source_that_no_full_export_filled_is_refused_until_a_bootstrap(story: SparkStory) -> None:
    require(story, window(5, 6))
    rename_main_source(story)
    with pytest.raises(ContractError, match=r"mirror of source users.*run campaign_bootstrap"):
        require(story, window(5, 6))
    require(story, full(10))


@pytest.mark.deep
def test_a_bootstrap_of_another_main_source_makes_the_target_anew(story: SparkStory) -> None:
    story.put(6, {"createdAt": {"S": "bad"}}, item=2)
    story.merge(window(5, 8))
    story.delete(9, item=1)
    rename_main_source(story)
    story.merge(full(10), crash_before="target")
    story.merge(window(10, 12))
    rows = story.engine.lake.target.read().collect()
    assert [row["user_id"] for row in rows] == ["u1"]
    assert [row["source"] for row in story.engine.lake.quarantine.read().collect()] == ["users"]
