"""Infer Glue's schema of a DynamoDB table from its items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

_LONG_BOUND = 2**63
_SCALARS = {"S": "string", "BOOL": "boolean", "B": "binary"}
_SETS = {"SS": "string", "BS": "binary"}


@dataclass
class Shape:
    """What was seen at one place of the items: scalar types, members of a map, elements of a list."""

    scalars: set[str] = field(default_factory=set)
    members: dict[str, Shape] | None = None
    elements: Shape | None = None

    def see(self, typed: dict[str, Any]) -> None:
        """Add one typed attribute value (`{"S": "x"}`); NULL says nothing."""
        ((tag, value),) = typed.items()
        if tag in _SCALARS:
            self.scalars.add(_SCALARS[tag])
        elif tag == "N":
            self.scalars.add(_number_type(value))
        elif tag == "M":
            self.members = self.members if self.members is not None else {}
            for name, member in value.items():
                self.members.setdefault(name.lower(), Shape()).see(member)
        elif tag in _SETS or tag in ("L", "NS"):
            self.elements = self.elements or Shape()
            self._see_elements(tag, value)

    def _see_elements(self, tag: str, values: Iterable[Any]) -> None:
        assert self.elements is not None
        for value in values:
            if tag == "L":
                self.elements.see(value)
            else:
                self.elements.scalars.add(_number_type(value) if tag == "NS" else _SETS[tag])

    def glue_type(self) -> str:
        """Glue's type; more than one kind in one place is a string, as the catalog holds no choice type."""
        kinds = bool(self.scalars) + (self.members is not None) + (self.elements is not None)
        if kinds != 1:
            return "string"
        if self.members is not None:
            inside = ",".join(f"{name}:{shape.glue_type()}" for name, shape in sorted(self.members.items()))
            return f"struct<{inside}>" if inside else "string"
        if self.elements is not None:
            return f"array<{self.elements.glue_type()}>"
        return _common(self.scalars)


def infer_columns(items: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Columns of a table, by lower-case attribute name in order; attributes that are only ever NULL are strings."""
    root = Shape(members={})
    for item in items:
        root.see({"M": item})
    members = root.members or {}
    return [{"Name": name, "Type": shape.glue_type()} for name, shape in sorted(members.items())]


def _number_type(text: str) -> str:
    number = Decimal(text)
    whole = number == number.to_integral_value()
    return "bigint" if whole and -_LONG_BOUND <= number < _LONG_BOUND else "double"


def _common(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return "double" if kinds <= {"bigint", "double"} else "string"
