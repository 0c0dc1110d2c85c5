"""Typed lookup entries to an index by match, and target rows joined with it."""

from __future__ import annotations

from pyspark.sql import DataFrame

from glue_scripts.transforms.columns import spark_type, type_columns
from glue_scripts.transforms.expressions import quoted
from glue_scripts.transforms.items import POSITION
from include.dynamo_lake.declaration.model import Column, Pipeline
from include.dynamo_lake.typing_rules import lookup_key_columns

REPEATED = "lookup:repeated"


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

    ``entries``: typed lookup rows without rejections, ``item:is_dirty`` among their columns. Result: the match columns
    and the looked-up ones, under their target names, and ``lookup:repeated`` (a dirty item's entries beyond the first).
    """
    names = match_columns(pipeline)
    values = [quoted(column.name) for column in looked_up_columns(pipeline)]
    matches = [f"{quoted(f'match:{name}')} AS {quoted(name)}" for name in names]
    found = f"struct({', '.join([quoted(POSITION), *values])}) AS `lookup:found`"
    rows = entries.where(f"{quoted(POSITION)} IS NOT NULL").selectExpr(*matches, found, "`item:is_dirty`")
    by_match = rows.groupBy(*names).agg({"lookup:found": "max", "*": "count", "item:is_dirty": "max"})
    return by_match.selectExpr(
        *map(quoted, names),
        *(f"`max(lookup:found)`.{value} AS {value}" for value in values),
        f"if(`max(item:is_dirty)`, `count(1)` - 1, 0) AS {quoted(REPEATED)}",
    )


def join_lookup(pipeline: Pipeline, rows: DataFrame, index: DataFrame | None) -> DataFrame:
    """Add the looked-up columns, null where there is no match. The index has one row per match: no fan-out."""
    if index is None:
        nothing = [f"CAST(NULL AS {spark_type(c)}) AS {quoted(c.name)}" for c in looked_up_columns(pipeline)]
        return rows.selectExpr("*", *nothing)
    return rows.join(index.drop(REPEATED), on=match_columns(pipeline), how="left")


def with_lookup_key(pipeline: Pipeline, mirror: DataFrame) -> DataFrame:
    """Add the lookup item's key as ``match:<target column>``, as the target holds it (null where it cannot).

    ``mirror``: ``item:key`` and any other columns named ``item:…``.
    """
    if pipeline.lookup_source is None:
        return mirror
    places = lookup_key_columns(pipeline)
    columns = [column for _, column in places]
    raws = {column.name: f"from_json(`item:key`, 'ARRAY<STRING>')[{index}]" for index, column in places}
    typed = type_columns(mirror, columns, raws)
    return typed.selectExpr(*map(quoted, [*mirror.columns, *(column.name for column in columns)]))
