"""Whole items: an image and the declaration, to typed columns and entries, or to the first rejection.

Which rejection is first, where an item breaks several rules: the item's own columns in declared order, then the list
itself, then its entries in list order (the entry's shape, then its columns in declared order). Attributes that are
not declared are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from include.dynamo_lake.declaration.model import Attribute, Column, Pipeline, Source
from include.dynamo_lake.dynamodb_json import single_member
from include.dynamo_lake.typing_rules.values import (
    RULE_LIST,
    Rejection,
    Value,
    is_null,
    parse_value,
    shown,
    type_value,
)

Image = Mapping[str, Any]
_Typed = dict[str, Value]
_TypedImage = tuple[_Typed, tuple[_Typed, ...], dict[str, int]]


@dataclass(frozen=True)
class TypedItem:
    """A main item: its own columns by name, one dict per list entry, and how often ``on_error = "null"`` took a
    value, by path.
    """

    columns: dict[str, Value]
    entries: tuple[dict[str, Value], ...]
    nulled: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LookupEntry:
    """One entry of a lookup item: ``match`` in the order of ``lookup.on``, ``values`` by target column."""

    match: tuple[Value, ...]
    values: dict[str, Value]


@dataclass(frozen=True)
class TypedLookupItem:
    entries: tuple[LookupEntry, ...]
    nulled: dict[str, int] = field(default_factory=dict)


def type_item(pipeline: Pipeline, image: Image) -> TypedItem | Rejection:
    """Type an item of the main source; the position is not among the entries' columns: it is their index."""
    columns = [column for column in pipeline.target.columns if column.origin == "item"]
    typed = _type_image(columns, pipeline.target.list, image)
    return typed if isinstance(typed, Rejection) else TypedItem(*typed)


def type_lookup_item(pipeline: Pipeline, image: Image) -> TypedLookupItem | Rejection:
    """Type an item of the lookup source: what it is matched by (as the target's columns, never null) and what is
    looked up in it.

    Raises ``ValueError`` for a pipeline without a lookup.
    """
    if pipeline.lookup is None:
        raise ValueError(f"pipeline {pipeline.name} declares no lookup")
    columns = lookup_columns(pipeline)
    typed = _type_image(columns, pipeline.lookup.list, image)
    if isinstance(typed, Rejection):
        return typed
    own, entries, nulled = typed
    matched = len(pipeline.lookup.on)
    names = [column.name for column in columns]
    merged = [{**own, **entry} for entry in entries]
    keys = (tuple(one[name] for name in names[:matched]) for one in merged)
    values = ({name: one[name] for name in names[matched:]} for one in merged)
    return TypedLookupItem(tuple(map(LookupEntry, keys, values)), nulled)


def lookup_columns(pipeline: Pipeline) -> list[Column]:
    """The lookup side as columns, in the order their rejections are looked for: the matches, then what is looked up.

    A match is typed exactly as its target column, from the lookup's attribute, and is required. Its name is
    ``match:<target column>``.
    """
    if pipeline.lookup is None:
        return []
    matches = [_match_column(pipeline.target.column(match.target), match.lookup) for match in pipeline.lookup.on]
    return matches + [column for column in pipeline.target.columns if column.origin == "lookup"]


def lookup_key_columns(pipeline: Pipeline) -> list[tuple[int, Column]]:
    """The matches that name the lookup item, in the order of ``lookup.on``: the place of each in the source's key, and
    its column. Several may stand for one key attribute.
    """
    if pipeline.lookup is None or pipeline.lookup_source is None:
        return []
    places = {attribute.name: index for index, attribute in enumerate(pipeline.lookup_source.key)}
    matches = lookup_columns(pipeline)[: len(pipeline.lookup.on)]
    own = ((column.attribute.name, column) for column in matches if column.attribute and not column.attribute.list)
    return [(places[name], column) for name, column in own]


def type_source_item(pipeline: Pipeline, source_id: str, image: Image) -> TypedItem | TypedLookupItem | Rejection:
    """Type an item of either source."""
    return type_item(pipeline, image) if source_id == pipeline.target.source else type_lookup_item(pipeline, image)


def placement_day(pipeline: Pipeline, source: Source, image: Image) -> date | None:
    """The UTC day that places an item in its mirror; None where the attribute is null, cannot be typed, or none is
    declared.
    """
    if source.day is None:
        return None
    value = parse_value(day_column(pipeline, source.day, source.id), image.get(source.day))
    return value.date() if isinstance(value, datetime) else None


def day_column(pipeline: Pipeline, attribute: str, source_id: str) -> Column:
    """The timestamp column that types a source's ``day``: the target's partition for the main source, else any
    timestamp.
    """
    partition = pipeline.target.column(pipeline.target.partition)
    if source_id == pipeline.target.source:
        return partition
    return replace(partition, name="day", attribute=Attribute(None, attribute), accept=("S", "N"))


def _match_column(target: Column, attribute: Attribute) -> Column:
    return replace(target, name=f"match:{target.name}", attribute=attribute, required=True, on_error="quarantine")


def _type_image(columns: list[Column], list_name: str, image: Image) -> _TypedImage | Rejection:
    nulled: dict[str, int] = {}
    own = _type_columns([column for column in columns if _list_of(column) is None], image, "", nulled)
    if isinstance(own, Rejection):
        return own
    of_entries = [column for column in columns if _list_of(column) is not None]
    entries: list[dict[str, Value]] = []
    for path, entry in _entries(list_name, image.get(list_name)):
        if isinstance(entry, Rejection):
            return entry
        typed = _type_columns(of_entries, entry, f"{path}.", nulled)
        if isinstance(typed, Rejection):
            return typed
        entries.append(typed)
    return own, tuple(entries), nulled


def _type_columns(columns: list[Column], image: Image, prefix: str, nulled: dict[str, int]) -> _Typed | Rejection:
    values: dict[str, Value] = {}
    for column in columns:
        name = column.attribute.name if column.attribute else ""
        value = type_value(column, image.get(name), f"{prefix}{name}", nulled)
        if isinstance(value, Rejection):
            return value
        values[column.name] = value
    return values


def _entries(list_name: str, raw: Any) -> Iterator[tuple[str, Image | Rejection]]:
    if is_null(raw):
        return
    tag, content = single_member(raw)
    if tag != "L" or not isinstance(content, list):
        yield list_name, Rejection(list_name, shown(raw), RULE_LIST)
        return
    for index, entry in enumerate(content):
        path = f"{list_name}[{index}]"
        entry_tag, members = single_member(entry)
        is_map = entry_tag == "M" and isinstance(members, Mapping)
        yield path, members if is_map else Rejection(path, shown(entry), RULE_LIST)


def _list_of(column: Column) -> str | None:
    return column.attribute.list if column.attribute else None
