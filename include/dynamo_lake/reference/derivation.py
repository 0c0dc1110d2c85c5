"""From mirror rows to quarantine and target rows; always from the mirrors, never from a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.reference.lake import Row
from include.dynamo_lake.typing_rules import (
    Rejected,
    Rejection,
    TypedItem,
    TypedLookupItem,
    Value,
    lookup_key_columns,
    parse_value,
    type_item,
    type_lookup_item,
)

Match = tuple[Value, ...]
LookupIndex = Mapping[Match, Row]


@dataclass(frozen=True)
class LookupTable:
    """Looked-up values by match, in the order of ``lookup.on``; of entries with one match the last is kept, the
    others are counted by item.
    """

    index: LookupIndex
    repeated: Mapping[str, int]


def build_lookup(pipeline: Pipeline, images: Mapping[str, str]) -> LookupTable:
    """Index the present lookup items (raw images by key text); items that cannot be typed give nothing."""
    index: dict[Match, Row] = {}
    repeated: dict[str, int] = {}
    for key, image in images.items():
        typed = type_lookup_item(pipeline, parse_json(image))
        if isinstance(typed, TypedLookupItem):
            own = {entry.match: entry.values for entry in typed.entries}
            index.update(own)
            repeated[key] = len(typed.entries) - len(own)
    return LookupTable(index, repeated)


def build_rows(pipeline: Pipeline, item: TypedItem, lookup: LookupIndex) -> tuple[Row, ...]:
    """The target rows of one typed item: one per list entry, columns in declared order, looked-up columns null
    without a match.
    """
    return tuple(_build_row(pipeline, item, position, lookup) for position in range(len(item.entries)))


def match_of(pipeline: Pipeline, row: Row) -> Match:
    """What a target row is looked up by."""
    return tuple(row[match.target] for match in pipeline.lookup.on) if pipeline.lookup else ()


def item_match_of(pipeline: Pipeline, row: Row) -> Match:
    """The part of a row's match that names the lookup item."""
    return tuple(row[match.target] for match in pipeline.lookup.item_matches) if pipeline.lookup else ()


def typed_lookup_keys(pipeline: Pipeline, keys: Iterable[str]) -> set[Match]:
    """Lookup items' key texts as the values that target rows hold; a key that its target column cannot hold matches
    no row and is left out.
    """
    places = lookup_key_columns(pipeline)
    raws = map(parse_json, keys)
    typed = (tuple(parse_value(column, raw[index]) for index, column in places) for raw in raws)
    return {match for match in typed if not any(isinstance(value, Rejected) for value in match)}  # type: ignore[misc]


def type_main_image(pipeline: Pipeline, image: str) -> TypedItem | Rejection:
    return type_item(pipeline, parse_json(image))


def _build_row(pipeline: Pipeline, item: TypedItem, position: int, lookup: LookupIndex) -> Row:
    known: dict[str, Value] = {**item.columns, **item.entries[position]}
    positions = (column.name for column in pipeline.target.columns if column.origin == "position")
    known.update(dict.fromkeys(positions, position))
    found = lookup.get(match_of(pipeline, known), {})
    return {column.name: known.get(column.name, found.get(column.name)) for column in pipeline.target.columns}
