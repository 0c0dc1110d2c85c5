"""The day's maintenance on Spark and Iceberg: fewer files and a shorter past, and every reader reads on.

One story in order: every test goes on from where the one before it left the lake.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.commits.tables import LakeTable
from include.dynamo_lake.coverage import TOMBSTONES_KEPT
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import PUBLISHED_KEY
from include.dynamo_lake.published import Published
from include.dynamo_lake.retention import Maintenance
from tests.histories.story import DAY_1, ONE_TASK, START, at, full, window
from tests.spark.story import SparkStory

DAY = timedelta(days=1)
ERASED = "value-to-erase"


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkStory:
    """A lake that took one item a merge, five merges on one day; the last one is published."""
    story = SparkStory(spark, read_declaration("campaign"), tmp_path_factory.mktemp("maintenance"))
    write(story, 0)
    story.merge(full(1))
    for number in range(1, 5):
        write(story, number)
        story.merge(window(number, number + 1))
    publish(story)
    return story


def write(story: SparkStory, number: int, state: str = "open") -> None:
    """Write an item of its own half a second after ``number``."""
    image = {**keys_of(number), **DAY_1, **ONE_TASK, "userCampaignProgressState": {"S": state}}
    story.tables.write(story.pipeline.main.id, keys_of(number), image, at(number + 0.5))


def keys_of(number: int) -> dict[str, Any]:
    return {"userID": {"S": f"user-{number}"}, "campaignID": {"S": "c1"}}


def publish(story: SparkStory) -> int:
    """Let readers see the head; return its id."""
    target = story.engine.lake.target
    place = (target.snapshot_id(), target.metadata_location())
    record = Published(*place, 0, 1, target.uuid(), "b", "2026-03-01T00:00:00Z")
    story.engine.store.write(PUBLISHED_KEY, record.to_json().encode())
    return record.snapshot_id


def merge_on(story: SparkStory, days: float, *changes: Any, crash_before: str | None = None) -> bool:
    """Merge that many days after the start; return whether the tables were maintained."""
    story.now = START + days * DAY
    story.merge(*changes, crash_before=crash_before)
    report = story.engine.report
    return report is not None and "maintain" in [phase.name for phase in report.phases]


def rows_as_of(table: LakeTable, snapshot_id: int) -> int:
    return table.spark.read.option("versionAsOf", snapshot_id).table(table.name).count()


def snapshot_ids(table: LakeTable) -> list[int]:
    return [row["snapshot_id"] for row in table.metadata_rows("snapshots").orderBy("committed_at").collect()]


def holds(tables: Mapping[str, LakeTable], text: str) -> bool:
    """Whether any data file that lies on disk holds the text, referred to or not."""
    for table in tables.values():
        folder = Path(table.base_location().removeprefix("file:")) / "data"
        if not any(folder.rglob("*.parquet")):
            continue
        rows = table.spark.read.option("recursiveFileLookup", True).parquet(str(folder))
        if rows.selectExpr("to_json(struct(*)) AS row").where(f"contains(row, '{text}')").count():
            return True
    return False


def test_the_next_days_merge_makes_few_files_of_many_and_changes_nothing_else(story: SparkStory) -> None:
    lake, before = story.engine.lake, story.engine.tables()
    names = ("mirror_user_campaign", lake.pipeline.target.table)
    marks = {name: table.marks() for name, table in lake.tables.items()}
    head = lake.target.snapshot_id()
    assert [lake.tables[name].metadata_rows("files").count() for name in names] == [5, 5]
    assert merge_on(story, 1)
    assert [lake.tables[name].metadata_rows("files").count() for name in names] == [1, 1]
    assert story.engine.tables() == before
    assert {name: table.marks() for name, table in lake.tables.items()} == marks
    assert story.engine.report is not None
    assert story.engine.report.tables[lake.pipeline.target.table].snapshot_id == lake.target.snapshot_id() != head


def test_one_merge_of_a_day_maintains(story: SparkStory) -> None:
    assert [merge_on(story, days) for days in (1.1, 1.9, 2)] == [False, False, True]


@pytest.mark.deep
@pytest.mark.parametrize(("step", "days"), [("compact", 3), ("expire", 4), ("orphans", 5)])
def test_a_maintenance_that_dies_is_done_again_and_harms_nobody(story: SparkStory, step: str, days: int) -> None:
    lake, before = story.engine.lake, story.engine.tables()
    merge_on(story, days, crash_before=f"{step}:{lake.pipeline.target.table}")
    assert story.engine.tables() == before
    assert merge_on(story, days + 0.1)
    assert story.engine.tables() == before


@pytest.mark.deep
def test_readers_read_on_after_ten_idle_days_and_go_back_as_far_as_declared(story: SparkStory) -> None:
    target = story.engine.lake.target
    published = Published.from_json(story.engine.store.read(PUBLISHED_KEY)).snapshot_id
    assert rows_as_of(target, published) == 5
    write(story, 5, ERASED)
    merge_on(story, 6, window(5, 6))
    assert merge_on(story, 16)
    assert snapshot_ids(target)[0] == published, "what readers see stays, and all after it"
    assert rows_as_of(target, published) == 5
    head = publish(story)
    assert merge_on(story, 17)
    assert snapshot_ids(target) == [head], "its successor is more than a week old"


@pytest.mark.deep
def test_a_deleted_items_image_is_in_no_file_once_its_time_has_passed(story: SparkStory) -> None:
    lake = story.engine.lake
    story.tables.write(story.pipeline.main.id, keys_of(5), None, at(6.5))
    merge_on(story, 17.5, window(6, 7))
    publish(story)
    assert merge_on(story, 18)
    assert holds(lake.tables, ERASED)
    assert merge_on(story, 19)
    assert not holds({"mirror": lake.mirror("user_campaign")}, ERASED), "nobody goes back in a mirror"
    assert holds({"target": lake.target}, ERASED), "readers may go back"
    assert merge_on(story, 25)
    assert not holds(lake.tables, ERASED)
    last = Maintenance.from_properties(lake.target.properties())
    assert last is not None
    assert last.due_at == START + 17.5 * DAY + TOMBSTONES_KEPT, "the deletion's own row has to go too"


@pytest.mark.deep
def test_files_that_no_commit_owns_are_removed_once_they_are_old(story: SparkStory) -> None:
    folder = Path(story.engine.lake.target.base_location().removeprefix("file:")) / "data"
    old, young = folder / "left-by-a-crash.parquet", folder / "being-written.parquet"
    for path, written_at in ((old, START + 24 * DAY), (young, START + 25.9 * DAY)):
        path.write_bytes(b"rows")
        os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    before = story.engine.tables()
    assert merge_on(story, 26)
    assert (old.exists(), young.exists()) == (False, True)
    assert story.engine.tables() == before
