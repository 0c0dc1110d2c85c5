"""Images to typed rows: one row per list entry, or the first rejection of the item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame

from glue_scripts.transforms.columns import first_rejection, nulled_flags, type_columns, value_columns
from glue_scripts.transforms.expressions import evaluated_once, literal, quoted, with_columns
from glue_scripts.transforms.raw_values import is_null, shown
from include.dynamo_lake.declaration.model import Column
from include.dynamo_lake.typing_rules import RULE_LIST

# Names with a colon are none that a declaration can take.
IMAGE = "item:image"
POSITION = "entry:position"
REJECTED = "item:rejection"
_PARSED, _OWN_REJECTION = "item:parsed", "item:own rejection"
_RAW_LIST, _RAW_ENTRIES, _ENTRIES = "list:raw", "list:raw entries", "list:entries"
_ENTRY, _IS_MAP = "entry:parsed", "entry:is map"
_OWN_RANK, _LIST_RANK = -2, -1


def type_items(images: DataFrame, columns: Sequence[Column], list_name: str) -> DataFrame:
    """Type and flatten items.

    ``images``: ``item:image``, never null, and any other columns named ``item:…``. Result: those without the image;
    the declared columns; ``entry:position`` (null where the item gives no row); ``item:rejection`` (rank, path, value,
    rule: the row's first one; of all rows of an item the least rank counts) and one ``nulled:<path>`` flag per column
    declared ``on_error = "null"`` (an item's own are flagged in its first row alone).
    """
    carried = [name for name in images.columns if name != IMAGE]
    own = [column for column in columns if column.attribute and column.attribute.list is None]
    inner = [column for column in columns if column.attribute and column.attribute.list is not None]
    entry_schema = f"MAP<STRING,STRUCT<{_fields(inner)}>>"
    frame = with_columns(images, {_PARSED: _parse(own, list_name, entry_schema)})
    frame = type_columns(frame, own, {c.name: f"{quoted(_PARSED)}.{quoted(_attribute(c))}" for c in own})
    frame = with_columns(frame, _entries(own, list_name, entry_schema))
    going_on = [*carried, *value_columns(own), _OWN_REJECTION, _RAW_ENTRIES]
    exploded = f"posexplode_outer({quoted(_ENTRIES)}) AS ({quoted(POSITION)}, {quoted(_ENTRY)})"
    frame = frame.selectExpr(*map(quoted, going_on), exploded)
    fields = f"{quoted(_ENTRY)}['M']"
    frame = with_columns(frame, {_IS_MAP: f"coalesce(size({quoted(_ENTRY)}) = 1 AND {fields} IS NOT NULL, false)"})
    frame = type_columns(frame, inner, {c.name: f"{fields}.{quoted(_attribute(c))}" for c in inner})
    return _select_rows(frame, carried, own, inner, list_name)


def _select_rows(
    frame: DataFrame, carried: list[str], own: Sequence[Column], inner: Sequence[Column], list_name: str
) -> DataFrame:
    position, own_rejection = quoted(POSITION), quoted(_OWN_REJECTION)
    at = "(" + literal(f"{list_name}[") + f" || CAST({position} AS STRING) || ']')"
    odd_entry = _list_rejection(position, at, f"get({quoted(_RAW_ENTRIES)}, {position})")
    of_entry = first_rejection(inner, position, f"({at} || '.')")
    flags = {n: f"({flag} AND coalesce({position}, 0) = 0)" for n, flag in nulled_flags(own).items()}
    flags |= {n: f"({flag} AND {position} IS NOT NULL)" for n, flag in nulled_flags(inner).items()}
    return frame.selectExpr(
        *map(quoted, [*carried, *(column.name for column in (*own, *inner)), POSITION]),
        f"CASE WHEN {own_rejection} IS NOT NULL THEN {own_rejection} WHEN {position} IS NULL THEN NULL "
        f"WHEN NOT {quoted(_IS_MAP)} THEN {odd_entry} ELSE {of_entry} END AS {quoted(REJECTED)}",
        *(f"{flag} AS {quoted(name)}" for name, flag in flags.items()),
    )


def _parse(own: Sequence[Column], list_name: str, entry_schema: str) -> str:
    """Every attribute as its raw text; the list taken apart as far as it has the declared shape."""
    fields = ", ".join(
        filter(None, [_fields(own), f"`{list_name}`: MAP<STRING,ARRAY<{entry_schema}>>", "`shape:broken`: STRING"])
    )
    options = "map('columnNameOfCorruptRecord', 'shape:broken')"
    schema = literal(f"STRUCT<{fields}>")
    return f"from_json({quoted(IMAGE)}, {schema}, {options})"


def _entries(own: Sequence[Column], list_name: str, entry_schema: str) -> dict[str, str]:
    """The entries as maps by tag (none for a rejected item), as raw texts where they had to be read so, and the item's own
    rejection.

    The common case has come whole out of the one parse. Where anything in the list has another shape (Spark then
    gives up the whole list), it is read again as raw text, entry by entry.
    """
    parsed = f"{quoted(_PARSED)}.{quoted(list_name)}"
    raw_list, raw_entries, own_rejection = map(quoted, (_RAW_LIST, _RAW_ENTRIES, _OWN_REJECTION))
    odd = f"exists({parsed}['L'], e -> coalesce(size(e) <> 1 OR e['M'] IS NULL, true))"
    is_whole = (
        f"coalesce({quoted(_PARSED)}.`shape:broken` IS NULL AND ({parsed} IS NULL OR "
        f"(size({parsed}) = 1 AND {parsed}['L'] IS NOT NULL AND NOT {odd})), false)"
    )
    only_list = literal(f"`{list_name}` STRING")
    raw = f"from_json({quoted(IMAGE)}, {only_list}).{quoted(list_name)}"
    again = f"transform({raw_entries}, e -> from_json(e, {literal(entry_schema)}))"
    refused = f"NOT {is_null(raw_list)} AND {raw_entries} IS NULL"
    rejected = _list_rejection(str(_LIST_RANK), literal(list_name), raw_list)
    of_item = first_rejection(own, str(_OWN_RANK), literal(""))
    return {
        _RAW_LIST: f"CASE WHEN NOT {is_whole} THEN {raw} END",
        _RAW_ENTRIES: f"CASE WHEN {raw_list} IS NOT NULL THEN {evaluated_once(raw_list, 'raw', _raw_entries('raw'))} END",
        _OWN_REJECTION: f"coalesce({of_item}, CASE WHEN {refused} THEN {rejected} END)",
        _ENTRIES: f"CASE WHEN {own_rejection} IS NOT NULL THEN NULL WHEN {raw_list} IS NULL THEN {parsed}['L'] ELSE {again} END",
    }


def _raw_entries(raw: str) -> str:
    opening = literal('{"L":[')
    is_list = f"startswith({raw}, {opening}) AND size(from_json({raw}, 'MAP<STRING,STRING>')) = 1"
    return f"CASE WHEN {is_list} THEN from_json({raw}, 'L ARRAY<STRING>').L END"


def _list_rejection(rank: str, path: str, raw: str) -> str:
    return f"named_struct('rank', {rank}, 'path', {path}, 'value', {shown(raw)}, 'rule', {literal(RULE_LIST)})"


def _fields(columns: Iterable[Column]) -> str:
    names = dict.fromkeys(_attribute(column) for column in columns)
    return ", ".join(f"`{name}`: STRING" for name in names)


def _attribute(column: Column) -> str:
    return column.attribute.name if column.attribute else ""
