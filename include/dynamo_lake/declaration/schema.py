"""The JSON Schema of a declaration, for editors: made from the same list of fields as validation."""

from __future__ import annotations

import json
from typing import Any

from include.dynamo_lake.declaration.fields import DECLARATION, Field, ListOf, MapOf

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def build_schema() -> dict[str, Any]:
    """The schema as a JSON value (draft 2020-12); rules between fields are checked wherever a declaration is read."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pipeline declaration",
        **_table(DECLARATION),
    }


def _table(fields: dict[str, Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in fields.items() if field.is_required],
        "properties": {name: _field(field) for name, field in fields.items()},
    }


def _field(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {"description": field.doc} | _kind(field.kind)
    if not field.is_required and field.default not in (None, {}):
        described["default"] = field.default
    limits = {"minimum": field.minimum, "maximum": field.maximum}
    described |= {name: value for name, value in limits.items() if value is not None}
    if field.choices:
        described["enum"] = list(field.choices)
    if field.pattern:
        described["pattern"] = f"^(?:{field.pattern})$"
    return described


def _kind(kind: Any) -> dict[str, Any]:
    if isinstance(kind, dict):
        return _table(kind)
    if isinstance(kind, ListOf):
        item = _table(kind.item) if isinstance(kind.item, dict) else _field(kind.item)
        return {"type": "array", "minItems": kind.at_least, "items": item}
    if isinstance(kind, MapOf):
        names = {"pattern": f"^(?:{kind.pattern})$"}
        return {"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": _table(kind.item)}
    return {"type": _TYPES[kind]}


if __name__ == "__main__":
    print(json.dumps(build_schema(), indent=1))  # noqa: T201 - the command's output
