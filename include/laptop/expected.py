"""What the target must show, computed from the DynamoDB tables themselves by the plain-Python reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from include.dynamo_lake.declaration import Pipeline, Source
from include.dynamo_lake.dynamodb_json import key_text
from include.dynamo_lake.reference import derived_tables
from include.dynamo_lake.typing_rules import Value
from include.dynamo_lake.versions import Version, export_version
from include.dynamo_lake.windows import parse_instant
from include.laptop.athena import TextRow

_ANY_VERSION = export_version(parse_instant("2000-01-01T00:00:00Z"))


def expected_rows(pipeline: Pipeline, dynamodb: Any) -> list[TextRow]:
    """The target's rows in declared column order, as Athena prints them, sorted; from a scan of the present tables."""
    mirrors = {source.id: dict(_images(dynamodb, source)) for source in pipeline.sources}
    tables = derived_tables(pipeline, mirrors)
    names = [column.name for column in pipeline.target.columns]
    return sorted((_text_row(row, names) for rows in tables.target.values() for row in rows), key=sort_key)


def sort_key(row: TextRow) -> tuple[tuple[bool, str], ...]:
    """Orders rows with nulls first."""
    return tuple((cell is not None, cell or "") for cell in row)


def _images(dynamodb: Any, source: Source) -> Iterator[tuple[str, tuple[Version, str]]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=source.table, ConsistentRead=True):
        for item in page["Items"]:
            yield key_text(source.key, item), (_ANY_VERSION, json.dumps(item, default=str))


def _text_row(row: Any, names: list[str]) -> TextRow:
    return tuple(_text(row[name]) for name in names)


def _text(value: Value) -> str | None:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value is None else str(value)
