"""A rebuild makes the target anew whatever somebody wrote into it, in one commit."""

from __future__ import annotations

import pytest

from glue_scripts.transforms.expressions import union_all
from tests.spark.story import SparkStory

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# What a row is made into beside itself; the columns that it names are other ones there.
STRAY: dict[str, dict[str, str]] = {
    "doubled": {},
    "doubled and different": {"task_id": "'another'"},
    "without its key": {"campaign_id": "CAST(NULL AS STRING)"},
    "without a day": {"created_at": "CAST(NULL AS TIMESTAMP_NTZ)"},
    "of no item": {"user_id": "'nobody'"},
    "of no item, on a day of its own": {"user_id": "'nobody'", "created_at": "TIMESTAMP_NTZ '2026-02-02 00:00:00'"},
}


def write_beside(story: SparkStory, *strays: dict[str, str]) -> None:
    """Append the first item's row once more for each, with other values in some columns."""
    target = story.engine.lake.target
    rows = target.read().where("CAST(created_at AS DATE) = DATE '2026-01-01'")
    written = [rows.selectExpr(*(f"{stray.get(name, name)} AS {name}" for name in rows.columns)) for stray in strays]
    union_all(written).writeTo(target.name).append()


def test_rows_that_somebody_wrote_are_gone_after_a_rebuild(story: SparkStory) -> None:
    target, before = story.engine.lake.target, story.engine.tables()
    write_beside(story, *STRAY.values())
    head = target.snapshot_id()
    assert target.row_count() == 2 + len(STRAY)
    story.merge(rebuild=True)
    assert target.java.currentSnapshot().parentId() == head, "one commit"
    assert story.engine.tables() == before
    assert target.row_count() == 2


def files_by_day(story: SparkStory) -> dict[str, list[str]]:
    files = story.engine.lake.target.metadata_rows("files")
    days: dict[str, list[str]] = {}
    for row in files.selectExpr("CAST(partition.created_at_day AS STRING) AS day", "file_path").collect():
        days.setdefault(row["day"], []).append(row["file_path"])
    return days


def test_a_rebuild_leaves_the_files_of_days_alone_on_which_every_row_is_right(story: SparkStory) -> None:
    before = files_by_day(story)
    story.merge(rebuild=True)
    assert files_by_day(story) == before
    write_beside(story, STRAY["doubled"])
    story.merge(rebuild=True)
    after = files_by_day(story)
    assert after["2026-01-03"] == before["2026-01-03"]
    assert after["2026-01-01"] != before["2026-01-01"]
