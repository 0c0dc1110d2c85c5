"""Random items as JSON text, sound and malformed: odd tags and contents at every path, repeated members, escapes, spaces, depth."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from include.dynamo_lake.declaration import Column, Pipeline, Source
from include.dynamo_lake.typing_rules import lookup_columns
from include.dynamo_lake.typing_rules.items import day_column
from tests.spark.corpus import CONTENTS, NUMBERS, STRINGS, TAGS, TIMESTAMPS

_ODD_CHARACTERS = (
    "é",
    "😀",
    "\u2028",
    "\u0085",
    "\ufeff",
    "\u0000",
    "\u001f",
    "\x7f",
    '"',
    "\\",
    "/",
    "\ud800",
    "\udc00",
)
_NAMES = ("undeclared", "S", "é", "a b", "", "a.b", "a'b", "😀", "\ud800", '"', "\\")
Members = list[tuple[str, Any]]


def typed_columns(pipeline: Pipeline, source: Source) -> tuple[list[Column], str]:
    """What a source's items are typed as, and the name of their list."""
    if pipeline.lookup is not None and source.id == pipeline.lookup.source:
        return lookup_columns(pipeline), pipeline.lookup.list
    return [column for column in pipeline.target.columns if column.origin == "item"], pipeline.target.list


class RandomItems:
    """Draws items of one source of a pipeline; the same seed draws the same ones."""

    def __init__(self, pipeline: Pipeline, source: Source, seed: int) -> None:
        self.chance = random.Random(seed)
        columns, self.list_name = typed_columns(pipeline, source)
        self.own = [column for column in columns if column.attribute and column.attribute.list is None]
        self.inner = [column for column in columns if column.attribute and column.attribute.list is not None]
        if source.day is not None and source.day not in map(_name, self.own):
            self.own.append(replace(day_column(pipeline, source.day, source.id), required=False))
        self.keys = [attribute.name for attribute in source.key]

    def text(self, number: int) -> str:
        """One item as JSON; its key is sound and names ``number``."""
        members: Members = [(name, [("S", f"{name}{number}")]) for name in self.keys]
        others = [column for column in self.own if _name(column) not in self.keys]
        members += self._values(others)
        members.append((self.list_name, self._list()))
        if self._rarely(0.2):
            members.append((self.chance.choice(_NAMES), self._any(4)))
        if self._rarely(0.1):
            self.chance.shuffle(members)
        return self._write(members)

    def _values(self, columns: Sequence[Column]) -> Members:
        members: Members = []
        for column in columns:
            if column.required or not self._rarely(0.3):
                members.append((_name(column), self._value(column)))
            if self._rarely(0.02):
                members.append((_name(column), self._value(column)))
        return members

    def _value(self, column: Column) -> Any:
        if self._rarely(0.04):
            return self._odd_value()
        if column.type == "timestamp":
            sound = ("2026-01-02T03:04:05Z", "2026-01-02", "1767398400", "2026-01-02T03:04:05.123456+07:00")
            text = self.chance.choice(TIMESTAMPS) if self._rarely(0.05) else self.chance.choice(sound)
        elif column.decimal:
            text = self.chance.choice(NUMBERS) if self._rarely(0.1) else str(self.chance.randint(0, 10**6) / 1000)
        else:
            text = self.chance.choice(STRINGS) if self._rarely(0.1) else f"t{self.chance.randint(1, 9)}"
        if self._rarely(0.02):
            text = self._odd_text(text)
        tag = "N" if "N" in column.accept and text.replace(".", "").isdigit() and self._rarely(0.5) else "S"
        return [(self.chance.choice(column.accept) if self._rarely(0.02) else tag, text)]

    def _odd_value(self) -> Any:
        kind = self.chance.randint(0, 4)
        if kind == 0:
            return [(self.chance.choice(TAGS), self.chance.choice(CONTENTS))]
        if kind == 1:
            return self._any(3)
        if kind == 2:
            return [(self.chance.choice(TAGS), self._odd_text("x")) for _ in range(self.chance.randint(0, 3))]
        if kind == 3:
            tag = self.chance.choice(TAGS)
            return [(tag, "2026-01-02"), (tag, "2026-01-03")]
        return self.chance.choice((None, [("NULL", True)], [("NULL", False)], [("NULL", True)] * 2, "x", True, 5))

    def _list(self) -> Any:
        if self._rarely(0.08):
            return self.chance.choice((
                None,
                [("NULL", True)],
                [("L", None)],
                [("L", []), ("L", [])],
                self._odd_value(),
            ))
        entries = [self._entry() for _ in range(self.chance.randint(0, 3))]
        members: Members = [("L", entries)]
        if self._rarely(0.02):
            members.append((self.chance.choice(TAGS), self.chance.choice(CONTENTS)))
        return members

    def _entry(self) -> Any:
        if self._rarely(0.05):
            return self._odd_value()
        members: Members = [("M", self._values(self.inner))]
        return members * 2 if self._rarely(0.02) else members

    def _any(self, depth: int) -> Any:
        kind = self.chance.randint(0, 6 if depth else 4)
        if kind <= 4:
            return (None, True, 15, self._odd_text(""), 12345678901234567890)[kind]
        if kind == 5:
            return [self._any(depth - 1) for _ in range(self.chance.randint(0, 3))]
        return [(self.chance.choice((*_NAMES, *TAGS)), self._any(depth - 1)) for _ in range(self.chance.randint(1, 3))]

    def _odd_text(self, text: str) -> str:
        place = self.chance.randint(0, len(text))
        return text[:place] + "".join(self.chance.choices(_ODD_CHARACTERS, k=self.chance.randint(1, 3))) + text[place:]

    def _rarely(self, share: float) -> bool:
        return self.chance.random() < share

    def _write(self, value: Any) -> str:
        """JSON text; a list of pairs is an object. Spaces and escapes as they may stand."""
        space = " " if self._rarely(0.02) else ""
        if isinstance(value, list) and value and all(isinstance(one, tuple) for one in value):
            members = (f"{self._string(name)}{space}:{space}{self._write(member)}" for name, member in value)
            return "{" + space + f"{space},".join(members) + "}"
        if isinstance(value, list):
            return "[" + space + ",".join(map(self._write, value)) + "]"
        return self._string(value) if isinstance(value, str) else json.dumps(value)

    def _string(self, text: str) -> str:
        written = json.dumps(text, ensure_ascii=self._rarely(0.5) or not _is_encodable(text))
        return written.replace("/", "\\/") if self._rarely(0.1) else written


def _name(column: Column) -> str:
    return column.attribute.name if column.attribute else ""


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
