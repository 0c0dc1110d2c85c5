"""Random items, malformed at any place, end on Spark as in the reference: image, key, day, rows, or the same first reason.

How a refused value is shown is compared by the corpus alone: DynamoDB writes no bare strings and no characters in halves.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.transforms.changes import with_day
from glue_scripts.transforms.items import type_items
from glue_scripts.transforms.statements import LineFormat, build_statements, read_lines
from include.dynamo_lake.declaration import Source
from include.dynamo_lake.dynamodb_json import json_text, parse_json
from include.dynamo_lake.statements import Line, parse_full_line
from include.dynamo_lake.typing_rules import placement_day
from tests.histories.story import at
from tests.spark.malformed import RandomItems, typed_columns
from tests.spark.test_typing import PIPELINE, expected_lookup_typing, expected_typing, found_typing

pytestmark = pytest.mark.usefixtures("fused")


@pytest.mark.parametrize("source", PIPELINE.sources, ids=lambda source: source.id)
@pytest.mark.parametrize(
    ("seed", "items"), [(1, 1500), pytest.param(2, 15_000, marks=pytest.mark.deep)], ids=["few", "many"]
)
def test_a_malformed_item_ends_alike(
    spark: SparkSession, tmp_path: Path, seed: int, items: int, source: Source
) -> None:
    drawn = RandomItems(PIPELINE, source, seed)
    expect = expected_typing if source == PIPELINE.main else expected_lookup_typing
    lines = [f'{{"Item":{drawn.text(number)}}}' for number in range(items)]
    file = tmp_path / "data.json.gz"
    file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    found = _read(spark, file, source)
    differing = []
    for number, line in enumerate(lines):
        statement = parse_full_line(source, line, at(0), Line(str(file), number))
        image = parse_json(statement.image or "")
        expected = (
            statement.image,
            placement_day(PIPELINE, source, image),
            _without_value(expect(PIPELINE, statement.image or "")),
        )
        if found.get(statement.key) != expected:
            differing.append((line, expected, found.get(statement.key)))
    assert differing[:3] == []


def _read(spark: SparkSession, file: Path, source: Source) -> dict[str, Any]:
    columns, list_name = typed_columns(PIPELINE, source)
    statements = build_statements(read_lines(spark, [file.as_uri()]), source.key, LineFormat(True, at(0)))
    assert statements.where("problem IS NOT NULL").count() == 0
    placed = with_day(statements.select("key", "image"), PIPELINE, source).persist()
    images = {row["key"]: (json_text(parse_json(row["image"])), row["new_day"]) for row in placed.collect()}
    typed: dict[str, list[Any]] = {}
    named = placed.selectExpr("key AS `item:key`", "image AS `item:image`")
    for row in type_items(named, columns, list_name).collect():
        typed.setdefault(row["item:key"], []).append(row)
    return {key: (*image, _without_value(found_typing(typed[key], columns))) for key, image in images.items()}


def _without_value(typing: Any) -> Any:
    """Rows and what became null as they are; of a reason path and rule."""
    return (typing[0], typing[2]) if len(typing) == 3 else typing
