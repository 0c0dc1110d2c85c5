"""Typed lookup entries to an index by match, and target rows joined with it."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.transforms.columns import spark_type, type_columns
from glue_scripts.transforms.items import POSITION
from include.dynamo_lake.declaration.model import Column, Pipeline
from include.dynamo_lake.typing_rules import lookup_columns


def looked_up_columns(pipeline: Pipeline) -> list[Column]:
    """The target's columns that a lookup fills."""
    return [column for column in pipeline.target.columns if column.origin == "lookup"]


def match_columns(pipeline: Pipeline) -> list[str]:
    """The target's columns that a row is looked up by."""
    return [match.target for match in pipeline.lookup.on] if pipeline.lookup else []


def item_match_columns(pipeline: Pipeline) -> list[str]:
    """Those of them that name the lookup item."""
    return [match.target for match in pipeline.lookup.item_matches] if pipeline.lookup else []


def build_index(pipeline: Pipeline, entries: DataFrame) -> DataFrame:
    """The looked-up values by match; of entries with one match the last in the list counts.

    ``entries``: typed lookup rows without rejections, ``is_dirty`` among their columns. Result: the match columns
    under their target names, the looked-up columns, and ``repeated`` (a dirty item's entries beyond the first).
    """
    names = match_columns(pipeline)
    values = [column.name for column in looked_up_columns(pipeline)]
    matches = [F.col(f"`match:{name}`").alias(name) for name in names]
    rows = entries.where(F.col(POSITION).isNotNull())
    rows = rows.select(*matches, F.struct(POSITION, *values).alias("found"), "is_dirty")
    last = F.max_by("found", f"found.{POSITION}").alias("found")
    repeated = F.greatest(F.count_if("is_dirty") - 1, F.lit(0)).alias("repeated")
    grouped = rows.groupBy(*names).agg(last, repeated)
    return grouped.select(*names, *(F.col(f"found.{name}").alias(name) for name in values), "repeated")


def join_lookup(pipeline: Pipeline, rows: DataFrame, index: DataFrame | None) -> DataFrame:
    """Add the looked-up columns, null where there is no match. The index has one row per match: no fan-out."""
    columns = looked_up_columns(pipeline)
    if index is None:
        return rows.withColumns({column.name: F.lit(None).cast(spark_type(column)) for column in columns})
    return rows.join(index.drop("repeated"), on=match_columns(pipeline), how="left")


def with_lookup_key(pipeline: Pipeline, mirror: DataFrame) -> DataFrame:
    """Add the lookup item's key as the target's columns hold it (null where they cannot)."""
    if pipeline.lookup is None or pipeline.lookup_source is None:
        return mirror
    by_attribute = {c.attribute.name: c for c in lookup_columns(pipeline) if c.attribute and not c.attribute.list}
    targets = {match.lookup.name: match.target for match in pipeline.lookup.item_matches}
    key = [attribute.name for attribute in pipeline.lookup_source.key]
    parts = F.from_json("key", "ARRAY<STRING>")
    columns = [by_attribute[name] for name in key]
    typed = type_columns(mirror, columns, {column.name: parts[index] for index, column in enumerate(columns)})
    named = [F.col(f"`{by_attribute[name].name}`").alias(targets[name]) for name in key]
    return typed.select(*mirror.columns, *named)
