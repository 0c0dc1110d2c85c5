"""Images to typed rows: one row per list entry, or the first rejection of the item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.transforms.columns import REJECTION, first_rejection, nulled_flags, type_columns
from glue_scripts.transforms.raw_values import evaluated_once, is_null, shown
from include.dynamo_lake.declaration.model import Column
from include.dynamo_lake.typing_rules import RULE_LIST

POSITION = "entry_position"
REJECTED = "rejection"
_OWN_RANK, _LIST_RANK = -2, -1


def type_items(images: DataFrame, columns: Sequence[Column], list_name: str) -> DataFrame:
    """Type and flatten items.

    ``images``: any columns and ``image``, never null. Result: those columns without ``image``; the declared columns;
    ``entry_position`` (null where the item gives no row); ``rejection`` (rank, path, value, rule: the entry's own
    first one; an item is rejected as a whole by the least of its rows) and one ``nulled:<path>`` flag per column
    declared ``on_error = "null"`` (an item's own are flagged in its first row alone).
    """
    carried = [name for name in images.columns if name != "image"]
    own = [column for column in columns if column.attribute and column.attribute.list is None]
    inner = [column for column in columns if column.attribute and column.attribute.list is not None]
    entry_schema = f"MAP<STRING,STRUCT<{_fields(inner, ':')}>>"
    frame = images.withColumn("parsed", _parse(F.col("image"), own, list_name, entry_schema))
    frame = type_columns(frame, own, {column.name: F.col("parsed")[_attribute(column)] for column in own})
    frame = _with_entries(frame, list_name, entry_schema)
    first = first_rejection(own, F.lit(_OWN_RANK), F.lit(""))
    frame = frame.withColumn("item_rejection", F.coalesce(first, F.col("list_rejection")))
    keep_entries = F.when(F.col("item_rejection").isNull(), F.col("entries"))
    own_names = [name for column in own for name in (column.name, f"bad:{column.name}")]
    frame = frame.select(
        *_named([*carried, *own_names]), "item_rejection", "entries_raw", F.posexplode_outer(keep_entries).alias(POSITION, "entry")
    )
    frame = type_columns(frame, inner, {column.name: F.col("entry")["M"][_attribute(column)] for column in inner})
    return _select_rows(frame, carried, own, inner, list_name)


def _select_rows(
    frame: DataFrame, carried: list[str], own: Sequence[Column], inner: Sequence[Column], list_name: str
) -> DataFrame:
    position = F.col(POSITION)
    at = F.concat(F.lit(f"{list_name}["), position.cast("string"), F.lit("]"))
    is_entry = F.coalesce((F.size("entry") == 1) & F.col("entry")["M"].isNotNull(), F.lit(False))
    odd_entry = F.when(~is_entry, _list_rejection(position, at, F.get("entries_raw", position)))
    of_entry = F.coalesce(odd_entry, first_rejection(inner, position, F.concat(at, F.lit("."))))
    rejection = F.coalesce(F.col("item_rejection"), F.when(position.isNotNull(), of_entry))
    first_row = F.coalesce(position, F.lit(0)) == 0
    flags = {name: flag & first_row for name, flag in nulled_flags(own).items()}
    flags |= {name: flag & position.isNotNull() for name, flag in nulled_flags(inner).items()}
    return frame.select(
        *_named([*carried, *(column.name for column in (*own, *inner))]),
        position,
        rejection.alias(REJECTED),
        *(flag.alias(name) for name, flag in flags.items()),
    )


def _parse(image: SparkColumn, own: Sequence[Column], list_name: str, entry_schema: str) -> SparkColumn:
    """Every attribute as its raw text; the list taken apart as far as it has the declared shape."""
    fields = ", ".join(filter(None, [_fields(own, " "), f"`{list_name}` MAP<STRING,ARRAY<{entry_schema}>>"]))
    return F.from_json(image, f"{fields}, `shape:broken` STRING", {"columnNameOfCorruptRecord": "shape:broken"})


def _with_entries(frame: DataFrame, list_name: str, entry_schema: str) -> DataFrame:
    """Add ``entries`` (maps by tag), ``entries_raw`` and ``list_rejection``.

    The common case has come whole out of the one parse. Where anything in the list has another shape (Spark then
    gives up the whole list), it is read again as raw text, entry by entry.
    """
    parsed = F.col("parsed")[list_name]
    odd = F.exists(parsed["L"], lambda entry: F.coalesce((F.size(entry) != 1) | entry["M"].isNull(), F.lit(True)))
    is_whole = F.col("parsed")["shape:broken"].isNull() & (
        parsed.isNull() | ((F.size(parsed) == 1) & parsed["L"].isNotNull() & ~odd)
    )
    raw = F.when(~F.coalesce(is_whole, F.lit(False)), F.from_json("image", f"`{list_name}` STRING")[list_name])
    frame = frame.withColumn("list_raw", raw)
    raw = F.col("list_raw")
    frame = frame.withColumn("entries_raw", F.when(raw.isNotNull(), evaluated_once(raw, _raw_entries)))
    again = F.transform("entries_raw", lambda entry: F.from_json(entry, entry_schema))
    refused = ~is_null(raw) & F.col("entries_raw").isNull()
    return frame.withColumns(
        {
            "entries": F.coalesce(again, F.when(raw.isNull(), parsed["L"])),
            "list_rejection": F.when(refused, _list_rejection(F.lit(_LIST_RANK), F.lit(list_name), raw)),
        }
    )


def _raw_entries(raw: SparkColumn) -> SparkColumn:
    is_list = F.startswith(raw, F.lit('{"L":[')) & (F.size(F.from_json(raw, "MAP<STRING,STRING>")) == 1)
    return F.when(is_list, F.from_json(raw, "L ARRAY<STRING>")["L"])


def _list_rejection(rank: SparkColumn, path: SparkColumn, raw: SparkColumn) -> SparkColumn:
    reason = (rank.alias("rank"), path.alias("path"), shown(raw).alias("value"), F.lit(RULE_LIST).alias("rule"))
    return F.struct(*reason).cast(f"STRUCT<{REJECTION}>")


def _fields(columns: Iterable[Column], separator: str) -> str:
    names = dict.fromkeys(_attribute(column) for column in columns)
    return ", ".join(f"`{name}`{separator}STRING" for name in names)


def _attribute(column: Column) -> str:
    return column.attribute.name if column.attribute else ""


def _named(names: Iterable[str]) -> list[SparkColumn]:
    return [F.col(f"`{name}`") for name in names]
