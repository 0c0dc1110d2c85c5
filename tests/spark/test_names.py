"""Names that a declaration may take: columns called as the job calls things itself, attributes that differ by case alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import Attribute, Column, Pipeline, read_declaration
from tests.histories.story import DAY_1, Story, at, full, window
from tests.spark.story import SparkStory

pytestmark = [pytest.mark.spark, pytest.mark.deep]

OWN = (
    "entry",
    "entries",
    "parsed",
    "key",
    "image",
    "day",
    "run",
    "origin",
    "kind",
    "n",
    "raw",
    "text",
    "status",
    "Status",
)
OF_ENTRIES = ("position", "item", "value", "Value")


def odd_names() -> Pipeline:
    """The shipped declaration, with columns of such names; each reads the attribute of its name."""
    campaign = read_declaration("campaign")
    own = [_column(f"{name.lower()}_2" if name != name.lower() else name, None, name) for name in OWN]
    inner = [_column(f"{name.lower()}_3", campaign.target.list, name) for name in OF_ENTRIES]
    numbered = [replace(one, name=f"{one.name}_{place}") for place, one in enumerate(inner)]
    return replace(campaign, target=replace(campaign.target, columns=(*campaign.target.columns, *own, *numbered)))


def _column(name: str, list_name: str | None, attribute: str) -> Column:
    return Column(
        name, "string", "item", Attribute(list_name, attribute), ("S",), required=False, on_error="quarantine"
    )


def test_every_column_has_its_own_attribute(spark: SparkSession, tmp_path: Path) -> None:
    pipeline = odd_names()
    entry = {"taskID": {"S": "t1"}, **{name: {"S": f"{name} of t1"} for name in OF_ENTRIES}}
    image = {**DAY_1, **{name: {"S": f"{name} of u1"} for name in OWN}, "progressDetails": {"L": [{"M": entry}]}}
    reference, story = Story(pipeline), SparkStory(spark, pipeline, tmp_path)
    for one in (reference, story):
        key = {"userID": {"S": "u1"}, "campaignID": {"S": "c1"}}
        one.tables.write(pipeline.main.id, key, {**key, **image}, at(1))
        one.merge(full(2))
        one.tables.write(pipeline.main.id, key, {**key, **image, "status": {"S": "done"}}, at(3))
        one.put_deadline(3, "2026-05-01")
        one.merge(window(2, 4))
    ((row,),) = story.engine.tables().target.values()
    assert (row["status"], row["status_2"], row["entry"]) == ("done", "Status of u1", "entry of u1")
    assert story.engine.tables() == reference.engine.tables()
