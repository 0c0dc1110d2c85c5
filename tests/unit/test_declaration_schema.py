"""The JSON Schema for editors and the document say what validation says."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from include.dynamo_lake.declaration import parse_declaration
from include.dynamo_lake.declaration.fields import DECLARATION, Field, ListOf, MapOf
from include.dynamo_lake.declaration.schema import build_schema
from include.dynamo_lake.errors import DeclarationError
from include.laptop.paths import ROOT

SCHEMA = Draft202012Validator(build_schema())
DOCUMENT = (ROOT / "docs/declare.md").read_text()
EXAMPLE = "\n".join(re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL))
SOUND = [*(ROOT / "include/pipelines").glob("*.toml"), *(ROOT / "tests/pipelines").glob("*.toml")]


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = json.loads((ROOT / "include/pipelines/declaration.schema.json").read_text())
    assert committed == json.loads(json.dumps(build_schema()))


@pytest.mark.parametrize("file", SOUND, ids=lambda file: file.stem)
def test_the_schema_takes_every_declaration_of_this_checkout(file: Any) -> None:
    SCHEMA.validate(tomllib.loads(file.read_text()))


MALFORMED = [
    ('mode = "hourly"', 'mode = "daily"'),
    ('type = "S" }', 'type = "B" }'),
    ('table = "user_Campaign"', 'table = "u"'),
    ('from = "progressDetails[].taskID"', 'from = "progressDetails[].steps[].taskID"'),
    ("decimal(18,6)", "decimal(39,6)"),
    ("min_quarantined_items = 100", "min_quarantined_items = -1"),
    ("max_quarantined_share = 0.05", 'max_quarantined_share = "5 %"'),
    ("erase_within_days = 45", "erase_within_days = 36"),
    ('title = "', 'titel = "'),
    ("[lookup]", "[[lookup]]"),
]


@pytest.mark.parametrize(("old", "new"), MALFORMED)
def test_schema_and_validation_refuse_alike(old: str, new: str) -> None:
    assert old in EXAMPLE
    text = EXAMPLE.replace(old, new, 1)
    assert not SCHEMA.is_valid(tomllib.loads(text))
    with pytest.raises(DeclarationError):
        parse_declaration("example", text.encode(), "example.toml")


def test_the_examples_of_the_document_are_one_sound_declaration() -> None:
    SCHEMA.validate(tomllib.loads(EXAMPLE))
    assert parse_declaration("example", EXAMPLE.encode(), "example.toml").lookup is not None


def test_the_document_has_every_field_in_an_example() -> None:
    assert sorted(set(field_names(DECLARATION)) - set(keys(tomllib.loads(EXAMPLE)))) == []


def field_names(fields: dict[str, Field]) -> Iterator[str]:
    for name, field in fields.items():
        yield name
        kind = field.kind.item if isinstance(field.kind, ListOf | MapOf) else field.kind
        if isinstance(kind, dict):
            yield from field_names(kind)


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(inner)
