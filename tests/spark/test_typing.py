"""Spark's expressions type every image of the corpus as the domain's typing rules do, or reject it for the same reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import SparkSession

from glue_scripts.transforms.items import type_items
from include.dynamo_lake.declaration import Column, read_declaration
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.typing_rules import Rejection, lookup_columns, type_item, type_lookup_item
from tests.spark.corpus import images

PIPELINE = read_declaration("campaign")
COLUMNS = [column for column in PIPELINE.target.columns if column.origin == "item"]


def test_every_image_of_the_corpus_is_typed_or_rejected_alike(spark: SparkSession) -> None:
    corpus = images(COLUMNS, PIPELINE.target.list)
    assert len(corpus) > 3000
    assert differing(spark, corpus, COLUMNS, PIPELINE.target.list, expected_typing) == []


def test_every_image_of_a_lookup_is_typed_or_rejected_alike(spark: SparkSession) -> None:
    assert PIPELINE.lookup is not None
    columns, list_name = lookup_columns(PIPELINE), PIPELINE.lookup.list
    corpus = images(columns, list_name)
    assert len(corpus) > 900
    assert differing(spark, corpus, columns, list_name, expected_lookup_typing) == []


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


def expected_typing(image: str) -> Any:
    typed = type_item(PIPELINE, parse_json(image))
    if isinstance(typed, Rejection):
        return typed.path, typed.value, typed.rule
    return [{**typed.columns, **entry} for entry in typed.entries]


def expected_lookup_typing(image: str) -> Any:
    typed = type_lookup_item(PIPELINE, parse_json(image))
    if isinstance(typed, Rejection):
        return typed.path, typed.value, typed.rule
    names = [column.name for column in lookup_columns(PIPELINE)]
    return [dict(zip(names, (*entry.match, *entry.values.values()), strict=True)) for entry in typed.entries]


def found_typing(rows: list[Any], columns: list[Column]) -> Any:
    rejections = [row["item:rejection"] for row in rows if row["item:rejection"]]
    if rejections:
        first = min(rejections, key=lambda rejection: rejection.rank)
        return first.path, first.value, first.rule
    entries = sorted((row for row in rows if row["entry:position"] is not None), key=lambda row: row["entry:position"])
    return [{column.name: row[column.name] for column in columns} for row in entries]
