"""Spark's expressions type every image of the corpus as the domain's typing rules do, or reject it for the same reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.transforms.columns import NULLED
from glue_scripts.transforms.items import type_items
from include.dynamo_lake.declaration import Column, Pipeline, read_declaration
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.typing_rules import Rejection, lookup_columns, type_item, type_lookup_item
from tests.spark.corpus import images

pytestmark = pytest.mark.usefixtures("fused")

PIPELINE = read_declaration("campaign")


def lenient_declaration() -> Pipeline:
    """Whatever may be null becomes null where it cannot be typed."""
    columns = tuple(c if c.required else replace(c, on_error="null") for c in PIPELINE.target.columns)
    return replace(PIPELINE, target=replace(PIPELINE.target, columns=columns))


PIPELINES = pytest.mark.parametrize("pipeline", [PIPELINE, lenient_declaration()], ids=["strict", "lenient"])


@PIPELINES
def test_every_image_of_the_corpus_is_typed_or_rejected_alike(spark: SparkSession, pipeline: Pipeline) -> None:
    columns = [column for column in pipeline.target.columns if column.origin == "item"]
    corpus = images(columns, pipeline.target.list)
    assert len(corpus) > 3000
    assert differing(spark, corpus, columns, pipeline.target.list, partial(expected_typing, pipeline)) == []


@PIPELINES
def test_every_image_of_a_lookup_is_typed_or_rejected_alike(spark: SparkSession, pipeline: Pipeline) -> None:
    assert pipeline.lookup is not None
    columns, list_name = lookup_columns(pipeline), pipeline.lookup.list
    corpus = images(columns, list_name)
    assert len(corpus) > 900
    assert differing(spark, corpus, columns, list_name, partial(expected_lookup_typing, pipeline)) == []


def differing(
    spark: SparkSession, corpus: list[str], columns: list[Column], list_name: str, expect: Callable[[str], Any]
) -> list[Any]:
    """The first images that Spark and the typing rules disagree about, each with what they say."""
    frame = spark.createDataFrame(
        [(str(i), image) for i, image in enumerate(corpus)], "`item:key` string, `item:image` string"
    )
    typed: dict[int, list[Any]] = {}
    for row in type_items(frame.repartition(2), columns, list_name).collect():
        typed.setdefault(int(row["item:key"]), []).append(row)
    found = ((image, expect(image), found_typing(typed[index], columns)) for index, image in enumerate(corpus))
    return [(image[:300], expected, shown) for image, expected, shown in found if expected != shown][:5]


def expected_typing(pipeline: Pipeline, image: str) -> Any:
    """Rows and how often a field became null, by path; or path, value and rule of the rejection."""
    typed = type_item(pipeline, parse_json(image))
    if isinstance(typed, Rejection):
        return typed.path, typed.value, typed.rule
    return [{**typed.columns, **entry} for entry in typed.entries], typed.nulled


def expected_lookup_typing(pipeline: Pipeline, image: str) -> Any:
    typed = type_lookup_item(pipeline, parse_json(image))
    if isinstance(typed, Rejection):
        return typed.path, typed.value, typed.rule
    names = [column.name for column in lookup_columns(pipeline)]
    rows = [dict(zip(names, (*entry.match, *entry.values.values()), strict=True)) for entry in typed.entries]
    return rows, typed.nulled


def found_typing(rows: list[Any], columns: list[Column]) -> Any:
    rejections = [row["item:rejection"] for row in rows if row["item:rejection"]]
    if rejections:
        first = min(rejections, key=lambda rejection: rejection.rank)
        return first.path, first.value, first.rule
    entries = sorted((row for row in rows if row["entry:position"] is not None), key=lambda row: row["entry:position"])
    flags = (
        name.removeprefix(NULLED) for row in rows for name in row.asDict() if name.startswith(NULLED) and row[name]
    )
    return [{column.name: row[column.name] for column in columns} for row in entries], dict(Counter(flags))
