"""Small pieces of Spark SQL text.

Expressions are composed as text and handed over whole: built call by call, one item's typing would cross between
Python and the JVM twelve thousand times.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame


def quoted(name: str) -> str:
    """A column's name."""
    return f"`{name}`"


def literal(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def evaluated_once(value: str, variable: str, body: str) -> str:
    """``body`` with ``value`` bound to ``variable``: it may be named often, but is computed once.

    Spark interprets it instead of generating code: for paths that are seldom taken, which then cost no compilation.
    """
    return f"transform(array({value}), {variable} -> {body})[0]"


def with_columns(frame: DataFrame, columns: dict[str, str]) -> DataFrame:
    """Add columns by name; later ones may name earlier ones."""
    return frame.selectExpr("*", *(f"{expression} AS {quoted(name)}" for name, expression in columns.items()))


def union_all(frames: Iterable[DataFrame]) -> DataFrame:
    """All rows of frames of one schema. Raises ``ValueError`` where there is none."""
    union: DataFrame | None = None
    for frame in frames:
        union = frame if union is None else union.unionByName(frame)
    if union is None:
        raise ValueError("no frames to unite")
    return union
