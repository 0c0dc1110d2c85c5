"""Spark's expressions type every image of the corpus as the domain's typing rules do, or reject it for the same reason."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from glue_scripts.transforms.items import type_items
from include.dynamo_lake.declaration import Column, read_declaration
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.typing_rules import Rejection, type_item
from tests.spark.corpus import images

PIPELINE = read_declaration("campaign")
COLUMNS = [column for column in PIPELINE.target.columns if column.origin == "item"]


def test_every_image_of_the_corpus_is_typed_or_rejected_alike(spark: SparkSession) -> None:
    corpus = images(PIPELINE)
    frame = spark.createDataFrame(
        [(str(i), image) for i, image in enumerate(corpus)], "`item:key` string, `item:image` string"
    )
    typed: dict[int, list[Any]] = {}
    for row in type_items(frame.repartition(2), COLUMNS, PIPELINE.target.list).collect():
        typed.setdefault(int(row["item:key"]), []).append(row)
    assert len(corpus) > 3000
    differing = [
        (image[:300], expected, found)
        for index, image in enumerate(corpus)
        if (expected := expected_typing(image)) != (found := found_typing(typed[index], COLUMNS))
    ]
    assert differing[:5] == []


def expected_typing(image: str) -> Any:
    typed = type_item(PIPELINE, parse_json(image))
    if isinstance(typed, Rejection):
        return typed.path, typed.value, typed.rule
    return [{**typed.columns, **entry} for entry in typed.entries]


def found_typing(rows: list[Any], columns: list[Column]) -> Any:
    rejections = [row["item:rejection"] for row in rows if row["item:rejection"]]
    if rejections:
        first = min(rejections, key=lambda rejection: rejection.rank)
        return first.path, first.value, first.rule
    entries = sorted((row for row in rows if row["entry:position"] is not None), key=lambda row: row["entry:position"])
    return [{column.name: row[column.name] for column in columns} for row in entries]
