"""New rows of affected items against the rows that the target has: what it must insert, update and delete.

Changes have the target's columns, ``change:operation`` and ``change:old_day`` (where the row was; null for an insert).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame

from glue_scripts.transforms.columns import spark_type, type_columns
from glue_scripts.transforms.expressions import quoted
from glue_scripts.transforms.items import POSITION
from glue_scripts.transforms.lookups import (
    item_match_columns,
    join_lookup,
    looked_up_columns,
    match_columns,
)
from include.dynamo_lake.declaration.model import Column, Pipeline

INSERT, UPDATE, DELETE, LOOK_UP = "insert", "update", "delete", "look up"
OPERATION, OLD_DAY = "change:operation", "change:old_day"
_NUMBER = "change:number"


def item_columns(pipeline: Pipeline) -> list[Column]:
    """The target's columns that come from the item itself."""
    return [column for column in pipeline.target.columns if column.origin == "item"]


def key_columns(pipeline: Pipeline) -> list[str]:
    """The target's columns that name the item, in the order of the source's key."""
    return [column.name for column in pipeline.key_columns]


def build_rows(pipeline: Pipeline, typed: DataFrame, index: DataFrame | None) -> DataFrame:
    """Typed entries (no rejections) to the target's columns, in declared order."""
    position = next(column.name for column in pipeline.target.columns if column.origin == "position")
    entries = typed.where(f"{quoted(POSITION)} IS NOT NULL").withColumnRenamed(POSITION, position)
    joined = join_lookup(pipeline, entries, index)
    return joined.selectExpr(*(_cast(quoted(c.name), c) for c in pipeline.target.columns))


def item_keys(pipeline: Pipeline, items: DataFrame) -> DataFrame:
    """Canonical keys (``item:key``) of main items to the target's key columns; keys that those cannot hold have no
    rows.
    """
    names, columns = key_columns(pipeline), pipeline.key_columns
    raws = {column.name: f"from_json(`item:key`, 'ARRAY<STRING>')[{index}]" for index, column in enumerate(columns)}
    return type_columns(items.select("`item:key`"), columns, raws).selectExpr(*map(quoted, names)).na.drop()


def row_changes(pipeline: Pipeline, new: DataFrame, old: DataFrame) -> DataFrame:
    """All rows of the affected items, new against old, by row key: those that differ."""
    return _differing(pipeline, new, old, pipeline.target.row_key)


def rebuilt_changes(pipeline: Pipeline, new: DataFrame, target: DataFrame) -> DataFrame:
    """All rows that should be against all that are: those that differ, what stands more than once or without a key too."""
    row_key = pipeline.target.row_key
    number = f"row_number() OVER (PARTITION BY {_names(row_key)} ORDER BY {quoted(pipeline.target.partition)})"
    numbered = target.selectExpr("*", f"{number} AS {quoted(_NUMBER)}")
    return _differing(pipeline, new.selectExpr("*", f"1 AS {quoted(_NUMBER)}"), numbered, (*row_key, _NUMBER))


def _differing(pipeline: Pipeline, new: DataFrame, old: DataFrame, by: Sequence[str]) -> DataFrame:
    row = f"struct({_names(column.name for column in pipeline.target.columns)})"
    n = new.selectExpr(f"{row} AS `change:new`", *map(quoted, by))
    o = old.selectExpr(f"{row} AS `change:old`", *map(quoted, by))
    operation = (
        f"CASE WHEN `change:old` IS NULL THEN '{INSERT}' WHEN `change:new` IS NULL THEN '{DELETE}' "
        f"WHEN NOT `change:new` <=> `change:old` THEN '{UPDATE}' END AS {quoted(OPERATION)}"
    )
    old_day = f"CAST(`change:old`.{quoted(pipeline.target.partition)} AS DATE) AS {quoted(OLD_DAY)}"
    pairs = n.join(o, on=list(by), how="full")
    changed = pairs.selectExpr("coalesce(`change:new`, `change:old`) AS `change:row`", operation, old_day)
    changed = changed.where(f"{quoted(OPERATION)} IS NOT NULL")
    return changed.selectExpr("`change:row`.*", quoted(OPERATION), quoted(OLD_DAY))


def inserts(new: DataFrame) -> DataFrame:
    """All rows as inserts, where the target has no rows at all."""
    return new.selectExpr("*", f"'{INSERT}' AS {quoted(OPERATION)}", f"CAST(NULL AS DATE) AS {quoted(OLD_DAY)}")


def lookup_changes(
    pipeline: Pipeline, target: DataFrame, changed_items: DataFrame, index: DataFrame, replaced: DataFrame
) -> DataFrame:
    """Rows of items that did not change themselves, but whose looked-up values did.

    ``changed_items``: keys of changed lookup items, as the target's columns. ``replaced``: keys of the main items that
    are replaced as a whole anyway. Only row key, match, partition and looked-up columns are filled in.
    """
    values = [column.name for column in looked_up_columns(pipeline)]
    needed = list(dict.fromkeys([*pipeline.target.row_key, *match_columns(pipeline), pipeline.target.partition]))
    rows = target.selectExpr(*map(quoted, needed), f"struct({_names(values)}) AS `change:old`")
    rows = rows.join(changed_items, on=item_match_columns(pipeline), how="left_semi")
    rows = rows.join(replaced, on=key_columns(pipeline), how="left_anti")
    found = index.selectExpr(*map(quoted, match_columns(pipeline)), f"struct({_names(values)}) AS `change:new`")
    joined = rows.join(found, on=match_columns(pipeline), how="left")
    nothing = ", ".join(f"'{c.name}', CAST(NULL AS {spark_type(c)})" for c in looked_up_columns(pipeline))
    stale = joined.where(f"NOT coalesce(`change:new`, named_struct({nothing})) <=> `change:old`")
    filled = {name: quoted(name) for name in needed} | {name: f"`change:new`.{quoted(name)}" for name in values}
    return stale.selectExpr(
        *(_cast(filled.get(column.name, "NULL"), column) for column in pipeline.target.columns),
        f"'{LOOK_UP}' AS {quoted(OPERATION)}",
        f"CAST({quoted(pipeline.target.partition)} AS DATE) AS {quoted(OLD_DAY)}",
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def _cast(expression: str, column: Column) -> str:
    return f"CAST({expression} AS {spark_type(column)}) AS {quoted(column.name)}"
