"""DynamoDB JSON as text: reading it without losing a digit, and the one canonical way of writing it.

The canonical text has no spaces, keeps members in the order read and non-ASCII characters as they are, and escapes
exactly what Spark's ``to_json`` (Jackson) escapes: ``"`` and ``\\``, the control characters with a short form (``\\b
\\t \\n \\f \\r``), and the other ones below U+0020 as ``\\u00XX`` in upper case. A lone surrogate, which UTF-8 cannot
carry, becomes ``?``. So a key's text is the same from Python and from Spark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from include.dynamo_lake.declaration.model import KeyAttribute

SETS = frozenset({"SS", "NS", "BS"})
TAGS = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L"}) | SETS

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


class JsonNumber(str):
    """A bare JSON number, kept as the text it was written in: no digit is lost, however many there are."""

    __slots__ = ()


class RepeatedMembers(dict[str, Any]):
    """A JSON object that names a member more than once: the last one wins, but it is no typed value of DynamoDB.

    ``pairs``: all members, as they stand.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def parse_json(text: str) -> Any:
    """Parse JSON; bare numbers become ``JsonNumber``, an object that repeats a member ``RepeatedMembers``. Raises
    ``ValueError`` for what is not JSON.
    """
    try:
        return json.loads(
            text,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_refuse_constant,
            object_pairs_hook=_build_object,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply to be a DynamoDB item") from error


def json_text(value: Any) -> str:
    """Write a parsed JSON value in canonical form."""
    if isinstance(value, JsonNumber):
        return str(value)
    if isinstance(value, str):
        return f'"{_ESCAPED.sub(_escape, _encodable(value))}"'
    if isinstance(value, Mapping):
        pairs = value.pairs if isinstance(value, RepeatedMembers) else value.items()
        return "{" + ",".join(f"{json_text(name)}:{json_text(member)}" for name, member in pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value)


def single_member(value: Any) -> tuple[str, Any]:
    """The name and the value of an object's only member; ``("", None)`` where it is no object with exactly one."""
    if isinstance(value, Mapping) and len(value) == 1 and not isinstance(value, RepeatedMembers):
        return next(iter(value.items()))
    return "", None


def key_text(key: Sequence[KeyAttribute], attributes: Mapping[str, Any]) -> str:
    """The canonical key: a JSON array of the key attributes' typed values in declared order,
    ``[{"S":"u1"},{"S":"c1"}]``.

    A number is taken verbatim: DynamoDB normalises numbers before it answers, so equal keys have equal texts. Raises
    ``ValueError`` naming the attribute that is missing or of another type than declared.
    """
    return "[" + ",".join(_key_value(attribute, attributes.get(attribute.name)) for attribute in key) + "]"


def _key_value(attribute: KeyAttribute, raw: Any) -> str:
    tag, content = single_member(raw)
    if tag != attribute.type or type(content) is not str:
        shown = "missing" if raw is None else json_text(raw)[:200]
        raise ValueError(f'key attribute {attribute.name!r} is {shown}, declared as {{"{attribute.type}": "…"}}')
    return json_text(raw)


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatedMembers(pairs)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
