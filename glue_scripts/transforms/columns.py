"""One declared column: a raw value to its typed value, or to the rejection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.transforms.numbers import exact_decimal
from glue_scripts.transforms.raw_values import has_tag, is_null, shown, tagged_text
from glue_scripts.transforms.timestamps import parse_epoch, parse_timestamp
from include.dynamo_lake.declaration.model import ON_ERROR_NULL, Column
from include.dynamo_lake.typing_rules import RULE_REQUIRED

REJECTION = "rank INT, path STRING, value STRING, rule STRING"
NULLED = "nulled:"


def spark_type(column: Column) -> str:
    """The Spark type of a declared column."""
    return "timestamp_ntz" if column.type == "timestamp" else column.type


def type_columns(frame: DataFrame, columns: Sequence[Column], raws: Mapping[str, SparkColumn]) -> DataFrame:
    """Add each column typed (by its name), ``bad:<name>`` where its raw value is refused, and ``raw:<name>``.

    ``raws``: the raw value by column name. In layers, so that no expression is computed twice.
    """
    frame = frame.withColumns({f"raw:{column.name}": raws[column.name] for column in columns})
    texts = {f"text:{column.name}": tagged_text(_raw(column), column.accept) for column in columns}
    frame = frame.withColumns(texts)
    frame = frame.withColumns({column.name: _parsed(column) for column in columns})
    frame = frame.withColumns({f"bad:{column.name}": _is_bad(column) for column in columns})
    return frame.drop(*texts)


def first_rejection(columns: Sequence[Column], rank: SparkColumn, prefix: SparkColumn) -> SparkColumn:
    """The first rejection in declared order, or null; ``prefix`` stands before the attribute in its path."""
    reasons: list[tuple[Column, str, SparkColumn]] = []
    for column in columns:
        if column.on_error != ON_ERROR_NULL:
            reasons.append((column, column.type, F.col(f"`bad:{column.name}`")))
        if column.required:
            reasons.append((column, RULE_REQUIRED, F.col(f"`{column.name}`").isNull()))
    none = F.lit(None)
    number = F.coalesce(*(F.when(is_so, index) for index, (_, _, is_so) in enumerate(reasons)), none.cast("int"))
    if not reasons:
        return none.cast(f"STRUCT<{REJECTION}>")
    paths = F.array(*(F.lit(column.attribute.name if column.attribute else "") for column, _, _ in reasons))
    rules = F.array(*(F.lit(rule) for _, rule, _ in reasons))
    values = F.array(*(_raw(column) for column, _, _ in reasons))
    path = F.concat(prefix, F.get(paths, number))
    value = shown(F.get(values, number))
    found = F.struct(rank.alias("rank"), path.alias("path"), value.alias("value"), F.get(rules, number).alias("rule"))
    return F.when(number.isNotNull(), found)


def nulled_flags(columns: Sequence[Column]) -> dict[str, SparkColumn]:
    """For each column with ``on_error = "null"``: whether its value was made null, by ``nulled:<path>``."""
    return {
        f"{NULLED}{column.attribute.path}": F.col(f"`bad:{column.name}`")
        for column in columns
        if column.on_error == ON_ERROR_NULL and column.attribute
    }


def _parsed(column: Column) -> SparkColumn:
    text = F.col(f"`text:{column.name}`")
    if column.decimal:
        return exact_decimal(text, *column.decimal)
    if column.type != "timestamp":
        return text
    if "S" not in column.accept:
        return parse_epoch(text)
    if "N" not in column.accept:
        return parse_timestamp(text)
    return F.when(has_tag(_raw(column), "N"), parse_epoch(text)).otherwise(parse_timestamp(text))


def _is_bad(column: Column) -> SparkColumn:
    bad = ~is_null(_raw(column)) & F.col(f"`{column.name}`").isNull()
    if column.type == "timestamp" and "S" in column.accept:
        bad &= _raw(column) != '{"S":""}'
    return bad


def _raw(column: Column) -> SparkColumn:
    return F.col(f"`raw:{column.name}`")
