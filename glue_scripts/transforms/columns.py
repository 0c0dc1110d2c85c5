"""One declared column: a raw value to its typed value, or to the rejection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import DataFrame

from glue_scripts.transforms.expressions import evaluated_once, literal, quoted, with_columns
from glue_scripts.transforms.numbers import exact_decimal, plain_decimal
from glue_scripts.transforms.raw_values import has_form, has_tag, is_null, shown, tagged_text, text_within
from glue_scripts.transforms.timestamps import PLAIN_SECONDS, PLAIN_TIMESTAMP, parse_epoch, parse_timestamp
from include.dynamo_lake.declaration.model import ON_ERROR_NULL, Column
from include.dynamo_lake.typing_rules import RULE_REQUIRED

REJECTION = "STRUCT<rank: INT, path: STRING, value: STRING, rule: STRING>"
NULLED = "nulled:"


def spark_type(column: Column) -> str:
    """The Spark type of a declared column."""
    return "timestamp_ntz" if column.type == "timestamp" else column.type


def type_columns(frame: DataFrame, columns: Sequence[Column], raws: Mapping[str, str]) -> DataFrame:
    """Add each column typed (by its name) and ``raw:<name>``; where a refused value is made null, ``bad:<name>`` too.

    ``raws``: the raw value by column name, as SQL text.
    """
    added = {f"raw:{column.name}": raws[column.name] for column in columns}
    added |= {column.name: _typed(column) for column in columns}
    added |= {name: _is_bad(column) for name, column in _lenient(columns).items()}
    return with_columns(frame, added)


def value_columns(columns: Sequence[Column]) -> list[str]:
    """The names of typed columns that go on with a row, without their raw values."""
    return [*(column.name for column in columns), *_lenient(columns)]


def first_rejection(columns: Sequence[Column], rank: str, prefix: str) -> str:
    """The first rejection in declared order, or null; ``prefix`` stands before the attribute in its path."""
    reasons = [reason for column in columns for reason in _reasons(column)]
    if not reasons:
        return f"CAST(NULL AS {REJECTION})"
    number = "CASE " + " ".join(f"WHEN {is_so} THEN {index}" for index, (_, _, is_so) in enumerate(reasons)) + " END"
    is_any = " OR ".join(is_so for _, _, is_so in reasons)
    names = ", ".join(literal(column.attribute.name if column.attribute else "") for column, _, _ in reasons)
    rules = ", ".join(literal(rule) for _, rule, _ in reasons)
    values = ", ".join(_raw(column) for column, _, _ in reasons)
    value = shown(f"array({values})[n]")
    found = (
        f"named_struct('rank', {rank}, 'path', {prefix} || array({names})[n], "
        f"'value', {value}, 'rule', array({rules})[n])"
    )
    return f"CASE WHEN {is_any} THEN {evaluated_once(number, 'n', found)} END"


def nulled_flags(columns: Sequence[Column]) -> dict[str, str]:
    """For each column with ``on_error = "null"``: whether its value was made null, by ``nulled:<path>``."""
    return {
        f"{NULLED}{column.attribute.path}": quoted(name)
        for name, column in _lenient(columns).items()
        if column.attribute
    }


def _lenient(columns: Sequence[Column]) -> dict[str, Column]:
    return {f"bad:{column.name}": column for column in columns if column.on_error == ON_ERROR_NULL}


def _reasons(column: Column) -> list[tuple[Column, str, str]]:
    refused = [(column, column.type, _is_bad(column))] if column.on_error != ON_ERROR_NULL else []
    missing = [(column, RULE_REQUIRED, f"{quoted(column.name)} IS NULL")] if column.required else []
    return refused + missing


def _typed(column: Column) -> str:
    """The value of a raw one. What nearly all look like is cast as it stands, any other is taken apart first."""
    raw = _raw(column)
    if column.type == "string":
        return tagged_text(raw, column.accept)
    text = tagged_text("raw", column.accept)
    odd = evaluated_once(raw, "raw", evaluated_once(text, "text", _parsed(column, "raw", "text")))
    usual = " ".join(f"WHEN {is_so} THEN {value}" for is_so, value in _usual(column))
    return f"CASE {usual} WHEN {raw} IS NOT NULL THEN {odd} END"


def _usual(column: Column) -> Iterator[tuple[str, str]]:
    raw = _raw(column)
    text = text_within(raw)
    if column.decimal:
        precision, scale = column.decimal
        form = plain_decimal(precision, scale)
        yield has_form(raw, column.accept, form), f"try_cast({text} AS DECIMAL({precision},{scale}))"
        return
    if "S" in column.accept:
        yield has_form(raw, ["S"], PLAIN_TIMESTAMP), f"try_cast({text} AS TIMESTAMP_NTZ)"
    yield (
        has_form(raw, column.accept, PLAIN_SECONDS),
        f"CAST(timestamp_seconds(CAST({text} AS BIGINT)) AS TIMESTAMP_NTZ)",
    )


def _parsed(column: Column, raw: str, text: str) -> str:
    if column.decimal:
        return exact_decimal(text, *column.decimal)
    if "S" not in column.accept:
        return parse_epoch(text)
    if "N" not in column.accept:
        return parse_timestamp(text)
    return f"CASE WHEN {has_tag(raw, 'N')} THEN {parse_epoch(text)} ELSE {parse_timestamp(text)} END"


def _is_bad(column: Column) -> str:
    bad = f"NOT {is_null(_raw(column))} AND {quoted(column.name)} IS NULL"
    if column.type == "timestamp" and "S" in column.accept:
        bad += f" AND {_raw(column)} <> " + literal('{"S":""}')
    return f"({bad})"


def _raw(column: Column) -> str:
    return quoted(f"raw:{column.name}")
