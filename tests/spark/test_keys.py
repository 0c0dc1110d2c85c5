"""Declarations in which a key attribute is read by more than one column: the row key's column names the item."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import (
    Attribute,
    Column,
    LookupMatch,
    Pipeline,
    parse_declaration,
    read_declaration,
)
from tests.histories.story import DAY_1, ONE_TASK, Story, at, full, window
from tests.spark.story import SparkStory
from tests.unit.dynamo_lake.test_declaration import TIMED

pytestmark = pytest.mark.spark

CAMPAIGN = read_declaration("campaign")


def stories(spark: SparkSession, folder: Path, pipeline: Pipeline) -> list[Story]:
    return [Story(pipeline), SparkStory(spark, pipeline, folder)]


def timed_readings() -> Pipeline:
    """Meters whose sort key is the partition's time, declared behind the key column of the same attribute."""
    text = TIMED.replace('row_key = ["meter", "reading"]', 'row_key = ["meter", "installed", "reading"]')
    pipeline = parse_declaration("readings", text.encode(), "readings.toml")
    columns = sorted(pipeline.target.columns, key=lambda column: column.name == "installed_at")
    return replace(pipeline, target=replace(pipeline.target, columns=tuple(columns)))


def test_two_sort_keys_that_spell_one_instant_are_two_items_and_a_deletion_takes_its_own_rows_alone(
    spark: SparkSession, tmp_path: Path
) -> None:
    reference, story = stories(spark, tmp_path, timed_readings())
    keys = [{"meter": {"S": "m1"}, "installedAt": {"S": time}} for time in ("2026-01-01T00:00:00Z", "2026-01-01")]
    values = {"values": {"L": [{"M": {"kwh": {"N": "1.5"}}}]}}
    for one in (reference, story):
        for key in keys:
            one.tables.write("meters", key, {**key, **values}, at(1))
        one.merge(full(2))
        one.tables.write("meters", keys[0], None, at(3))
        one.merge(window(2, 5))
    assert [row["installed"] for (row,) in story.engine.tables().target.values()] == ["2026-01-01"]
    assert story.engine.tables() == reference.engine.tables()


def known_campaign(kind: Literal["string", "timestamp"]) -> Pipeline:
    """The shipped declaration, and the campaign as its own item names it."""
    name = Attribute(None, "campaignID")
    known = Column("known_campaign", kind, "lookup", name, ("S",), required=False, on_error="null")
    return replace(CAMPAIGN, target=replace(CAMPAIGN.target, columns=(*CAMPAIGN.target.columns, known)))


def matched_twice() -> Pipeline:
    """The shipped declaration, for users who are campaigns of their own."""
    assert CAMPAIGN.lookup is not None
    match = LookupMatch("user_id", Attribute(None, "campaignID"))
    return replace(CAMPAIGN, lookup=replace(CAMPAIGN.lookup, on=(match, *CAMPAIGN.lookup.on)))


@pytest.mark.parametrize(
    "pipeline",
    [
        pytest.param(known_campaign("string"), id="looked up", marks=pytest.mark.deep),
        pytest.param(known_campaign("timestamp"), id="looked up as another type", marks=pytest.mark.deep),
        pytest.param(matched_twice(), id="matched twice", marks=pytest.mark.deep),
    ],
)
def test_a_lookup_that_reads_its_own_key_twice_reaches_the_rows_after_the_bootstrap(
    spark: SparkSession, tmp_path: Path, pipeline: Pipeline
) -> None:
    reference, story = stories(spark, tmp_path, pipeline)
    own: dict[str, Any] = {"userID": {"S": "c1"}, "campaignID": {"S": "c1"}}
    for one in (reference, story):
        one.tables.write(pipeline.main.id, own, {**own, **DAY_1, **ONE_TASK}, at(1))
        one.put(1)
        one.merge(full(2))
        one.put_deadline(3, "2026-05-01")
        one.merge(window(2, 4))
        assert any(row["task_deadline"] for rows in one.engine.tables().target.values() for row in rows)
        one.put(5, {**DAY_1, "userCampaignProgressState": {"S": "done"}})
        one.merge(window(4, 6))
    assert story.engine.tables() == reference.engine.tables()
