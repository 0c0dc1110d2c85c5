"""The JSON Schema for editors says what validation says."""

from __future__ import annotations

import json

from include.dynamo_lake.declaration.fields import COLUMN, DECLARATION
from include.dynamo_lake.declaration.schema import build_schema
from include.laptop.paths import ROOT


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = json.loads((ROOT / "include/pipelines/declaration.schema.json").read_text())
    assert committed == json.loads(json.dumps(build_schema()))


def test_every_field_is_in_the_schema_and_in_the_document() -> None:
    schema = build_schema()
    assert set(schema["properties"]) == set(DECLARATION)
    columns = schema["properties"]["target"]["properties"]["columns"]["items"]
    assert set(columns["properties"]) == set(COLUMN)
    document = (ROOT / "docs/declare.md").read_text()
    nested = [name for field in DECLARATION.values() if isinstance(field.kind, dict) for name in field.kind]
    assert [name for name in (*DECLARATION, *COLUMN, *nested) if name not in document] == []
