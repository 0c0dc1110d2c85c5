"""One raw DynamoDB value and one column: the typed value, or the rejection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from include.dynamo_lake.declaration.model import Column
from include.dynamo_lake.dynamodb_json import json_text, single_member
from include.dynamo_lake.typing_rules.numbers import parse_decimal
from include.dynamo_lake.typing_rules.timestamps import parse_epoch, parse_timestamp

RULE_REQUIRED = "required"
RULE_LIST = "list"
SHOWN_CHARACTERS = 500
"""How much of a rejected value is kept, in Unicode characters."""

Value = str | Decimal | datetime | int | None


@dataclass(frozen=True)
class Rejection:
    """Why an item cannot be typed.

    ``path``: ``lines[3].shippedAt``. ``value``: the raw value's canonical JSON text, cut to 500
    characters; None where it is absent. ``rule``: the column's type, ``required``, or ``list``.
    """

    path: str
    value: str | None
    rule: str

    @property
    def reason(self) -> str:
        """The rejection without its index, for counting: ``lines[].shippedAt: timestamp``."""
        head, bracket, tail = self.path.partition("[")
        return f"{head}{'[]' + tail.partition(']')[2] if bracket else ''}: {self.rule}"


@dataclass(frozen=True)
class Rejected:
    """A value that its column's type does not take."""


_REJECTED = Rejected()


def parse_value(column: Column, raw: Any) -> Value | Rejected:
    """Type one raw value (``{"S": "…"}``; None where it is absent), before ``required`` and ``on_error``.

    Null: absent, JSON ``null``, ``{"NULL": true}``, and ``{"S": ""}`` for a timestamp. Rejected: a tag that the
    column does not accept, more or fewer than one tag, a tag whose content is not a JSON string, and a text that the
    type does not take.
    """
    if is_null(raw):
        return None
    tag, content = single_member(raw)
    if tag not in column.accept or type(content) is not str:
        return _REJECTED
    if column.type == "timestamp" and content == "" and tag == "S":
        return None
    value = _parse_content(column, tag, content)
    return _REJECTED if value is None else value


def type_value(column: Column, raw: Any, path: str, nulled: dict[str, int]) -> Value | Rejection:
    """Type one raw value under ``required`` and ``on_error``; a value made null by ``on_error`` is counted in
    ``nulled`` by the column's path.
    """
    value = parse_value(column, raw)
    if isinstance(value, Rejected):
        if column.on_error == "null" and column.attribute is not None:
            nulled[column.attribute.path] = nulled.get(column.attribute.path, 0) + 1
            return None
        return Rejection(path, shown(raw), column.type)
    if value is None and column.required:
        return Rejection(path, shown(raw), RULE_REQUIRED)
    return value


def is_null(raw: Any) -> bool:
    """Whether a raw value says that there is none: absent, JSON ``null`` or ``{"NULL": true}``."""
    return raw is None or single_member(raw) == ("NULL", True)


def shown(raw: Any) -> str | None:
    """A rejected value as quarantine keeps it."""
    return None if raw is None else json_text(raw)[:SHOWN_CHARACTERS]


def _parse_content(column: Column, tag: str, content: str) -> Value:
    if column.type == "timestamp":
        return parse_timestamp(content) if tag == "S" else parse_epoch(content)
    if column.decimal:
        return parse_decimal(content, *column.decimal)
    return content.encode("utf-8", "replace").decode("utf-8")
