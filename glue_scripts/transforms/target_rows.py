"""New rows of affected items against the rows that the target has: what it must insert, update and delete."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.transforms.columns import spark_type, type_columns
from glue_scripts.transforms.items import POSITION
from glue_scripts.transforms.lookups import item_match_columns, join_lookup, looked_up_columns, match_columns
from include.dynamo_lake.declaration.model import Column, Pipeline

INSERT, UPDATE, DELETE, LOOK_UP = "insert", "update", "delete", "look up"
OPERATION, OLD_DAY = "operation", "old_day"


def item_columns(pipeline: Pipeline) -> list[Column]:
    """The target's columns that come from the item itself."""
    return [column for column in pipeline.target.columns if column.origin == "item"]


def key_columns(pipeline: Pipeline) -> list[str]:
    """The target's columns that name the item, in the order of the source's key."""
    by_attribute = {c.attribute.name: c.name for c in item_columns(pipeline) if c.attribute and not c.attribute.list}
    return [by_attribute[attribute.name] for attribute in pipeline.main.key]


def position_column(pipeline: Pipeline) -> str:
    return next(column.name for column in pipeline.target.columns if column.origin == "position")


def build_rows(pipeline: Pipeline, typed: DataFrame, index: DataFrame | None) -> DataFrame:
    """Typed entries (no rejections) to the target's columns, in declared order."""
    entries = typed.where(F.col(POSITION).isNotNull()).withColumnRenamed(POSITION, position_column(pipeline))
    joined = join_lookup(pipeline, entries, index)
    return joined.select(*(F.col(c.name).cast(spark_type(c)).alias(c.name) for c in pipeline.target.columns))


def item_keys(pipeline: Pipeline, mirror_rows: DataFrame) -> DataFrame:
    """Canonical keys of main items to the target's key columns; keys that those cannot hold have no rows."""
    names = key_columns(pipeline)
    columns = [pipeline.target.column(name) for name in names]
    parts = F.from_json("key", "ARRAY<STRING>")
    typed = type_columns(mirror_rows.select("key"), columns, {c.name: parts[index] for index, c in enumerate(columns)})
    return typed.select(*names).na.drop()


def row_changes(pipeline: Pipeline, new: DataFrame, old: DataFrame) -> DataFrame:
    """All rows of the affected items, new against old, by row key: those that differ.

    Result: the target's columns (a deleted row's own ones), ``operation`` and ``old_day`` (null for an insert).
    """
    names = [column.name for column in pipeline.target.columns]
    row_key = list(pipeline.target.row_key)
    n = new.select(F.struct(*names).alias("new"), *row_key)
    o = old.select(F.struct(*names).alias("old"), *row_key)
    pairs = n.join(o, on=row_key, how="full")
    operation = (
        F.when(F.col("old").isNull(), INSERT).when(F.col("new").isNull(), DELETE).when(~F.col("new").eqNullSafe(F.col("old")), UPDATE)
    )
    row = F.coalesce("new", "old")
    changed = pairs.select(row.alias("row"), operation.alias(OPERATION), _day(pipeline, "old").alias(OLD_DAY))
    return changed.where(F.col(OPERATION).isNotNull()).select("row.*", OPERATION, OLD_DAY)


def inserts(pipeline: Pipeline, new: DataFrame) -> DataFrame:
    """All rows as inserts, where the target has no rows at all."""
    return new.withColumns({OPERATION: F.lit(INSERT), OLD_DAY: F.lit(None).cast("date")})


def lookup_changes(
    pipeline: Pipeline, target: DataFrame, changed_items: DataFrame, index: DataFrame, replaced: DataFrame
) -> DataFrame:
    """Rows of items that did not change themselves, but whose looked-up values did.

    ``changed_items``: keys of changed lookup items, as the target's columns. ``replaced``: keys of the main items that
    are replaced as a whole anyway. Result as of ``row_changes``; only row key, match, partition and looked-up columns
    are filled in.
    """
    values = [column.name for column in looked_up_columns(pipeline)]
    needed = dict.fromkeys([*pipeline.target.row_key, *match_columns(pipeline), pipeline.target.partition])
    rows = target.select(*needed, F.struct(*values).alias("old"))
    rows = rows.join(F.broadcast(changed_items), on=item_match_columns(pipeline), how="left_semi")
    rows = rows.join(replaced, on=key_columns(pipeline), how="left_anti")
    found = index.select(*match_columns(pipeline), F.struct(*values).alias("new"))
    joined = rows.join(found, on=match_columns(pipeline), how="left")
    nothing = F.struct(*(F.lit(None).cast(spark_type(c)).alias(c.name) for c in looked_up_columns(pipeline)))
    joined = joined.withColumn("new", F.coalesce("new", nothing))
    stale = joined.where(~F.col("new").eqNullSafe(F.col("old")))
    filled = {**{name: F.col(name) for name in needed}, **{name: F.col(f"new.{name}") for name in values}}
    columns = [
        filled.get(column.name, F.lit(None)).cast(spark_type(column)).alias(column.name)
        for column in pipeline.target.columns
    ]
    day = F.col(pipeline.target.partition).cast("date")
    return stale.select(*columns, F.lit(LOOK_UP).alias(OPERATION), day.alias(OLD_DAY))


def _day(pipeline: Pipeline, side: str):  # type: ignore[no-untyped-def]
    return F.col(f"{side}.{pipeline.target.partition}").cast("date")
