"""Check a parsed TOML table against the list of fields; every mistake is collected."""

from __future__ import annotations

import re
from typing import Any

from include.dynamo_lake.declaration.fields import Field, ListOf, MapOf
from include.dynamo_lake.errors import Mistake

_KIND_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def validate_table(table: Any, fields: dict[str, Field], path: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """Return the table with defaults filled in; append what is wrong to ``mistakes``.

    A field that is wrong is left out of the result, and so is a wrong scalar of a list.
    """
    if not isinstance(table, dict):
        mistakes.append(
            Mistake(path, f"{table!r} is not a table", f"Write it as [{path}] with the fields {', '.join(fields)}")
        )
        return {}
    mistakes.extend(
        Mistake(_join(path, name), "unknown field", f"Known here: {', '.join(fields)}")
        for name in table.keys() - fields.keys()
    )
    result: dict[str, Any] = {}
    for name, field in fields.items():
        where = _join(path, name)
        if name in table:
            before = len(mistakes)
            value = _validate(table[name], field, where, mistakes)
            if len(mistakes) == before or isinstance(field.kind, dict | ListOf | MapOf):
                result[name] = value
        elif field.is_required:
            mistakes.append(Mistake(where, "missing", f"Add it: {field.doc}"))
        elif isinstance(field.kind, dict) and field.default is not None:
            result[name] = validate_table(field.default, field.kind, where, mistakes)
        else:
            result[name] = field.default
    return result


def _validate(value: Any, field: Field, path: str, mistakes: list[Mistake]) -> Any:
    kind = field.kind
    if isinstance(kind, dict):
        return validate_table(value, kind, path, mistakes)
    if isinstance(kind, ListOf):
        return _validate_list(value, kind, path, mistakes)
    if isinstance(kind, MapOf):
        return _validate_map(value, kind, path, mistakes)
    return _validate_scalar(value, field, path, mistakes)


def _validate_list(value: Any, kind: ListOf, path: str, mistakes: list[Mistake]) -> list[Any]:
    if not isinstance(value, list):
        mistakes.append(Mistake(path, f"{value!r} is not a list", "Write it as [ … ]"))
        return []
    if len(value) < kind.at_least:
        mistakes.append(Mistake(path, "empty", f"List at least {kind.at_least}"))
    item = Field(kind.item, "") if isinstance(kind.item, dict) else kind.item
    entries = []
    for index, entry in enumerate(value):
        before = len(mistakes)
        validated = _validate(entry, item, f"{path}[{index}]", mistakes)
        if len(mistakes) == before or isinstance(item.kind, dict):
            entries.append(validated)
    return entries


def _validate_map(value: Any, kind: MapOf, path: str, mistakes: list[Mistake]) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        mistakes.append(Mistake(path, "no entries", f"Write at least one [{path}.<name>]"))
        return {}
    remedy = "Use lower-case letters, digits and _, starting with a letter"
    nameless = (name for name in value if not re.fullmatch(kind.pattern, name))
    mistakes.extend(Mistake(_join(path, name), "not a name", remedy) for name in nameless)
    return {name: validate_table(entry, kind.item, _join(path, name), mistakes) for name, entry in value.items()}


def _validate_scalar(value: Any, field: Field, path: str, mistakes: list[Mistake]) -> Any:
    problem = _scalar_problem(value, field)
    if problem:
        mistakes.append(Mistake(path, *problem))
    return float(value) if field.kind is float and not problem else value


def _scalar_problem(value: Any, field: Field) -> tuple[str, str] | None:
    accepted = (int, float) if field.kind is float else (field.kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and field.kind is not bool):
        return f"{value!r} is not {_KIND_NAMES[field.kind]}", field.doc
    if field.choices and value not in field.choices:
        return f"{value!r} is not one of {', '.join(field.choices)}", "Take one of them"
    if field.pattern and not re.fullmatch(field.pattern, str(value)):
        return f"{value!r} is not of the form that is read here", field.remedy or field.doc
    if field.minimum is not None and not value >= field.minimum:
        return f"{value!r} is less than {field.minimum}", f"Take at least {field.minimum}"
    if field.maximum is not None and not value <= field.maximum:
        return f"{value!r} is more than {field.maximum}", f"Take at most {field.maximum}"
    return None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
