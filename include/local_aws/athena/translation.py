"""Turn a tree of Athena's dialect (Trino) into DuckDB's SQL, keeping Trino's meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.functions import mend_function, trino_name
from include.local_aws.athena.statements import position_of
from include.local_aws.athena.zones import is_day_difference, keeps_day, mend_zone, zone_call


def qualified(tree: exp.Query, schema: Mapping[str, Any]) -> exp.Query | None:
    """The tree with every column bound to its table and every expression typed; None where sqlglot cannot do it."""
    try:
        bound = qualify(
            tree.copy(), schema=dict(schema), dialect="trino", validate_qualify_columns=False,
            quote_identifiers=False, identify=False,
        )  # fmt: skip
        typed = annotate_types(bound, schema=dict(schema), dialect="trino")
    except (SqlglotError, KeyError, ValueError, AssertionError):
        return None
    return typed if isinstance(typed, exp.Query) else None


def to_duckdb(tree: exp.Query) -> str:
    """Write the (preferably qualified) tree as DuckDB's SQL. Raises QueryFailedError for what has no equal there."""
    tree = tree.copy()
    check_comparisons(tree)
    for node in reversed(list(tree.walk(bfs=False))):  # children first: mending a parent copies them
        _mend(node)
    try:
        return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryFailedError("NOT_SUPPORTED", f"local Athena cannot run this expression: {error}") from error


def check_comparisons(tree: exp.Query) -> None:
    """Refuse to compare a string literal with a typed column, as Trino does and DuckDB does not."""
    for node in tree.find_all(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, exp.Literal) and side.is_string and _is_typed(other):
                kind = trino_name(other)
                left, right = (kind, f"varchar({len(side.name)})")[:: 1 if other is node.left else -1]
                sign = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[node.key]
                raise QueryFailedError(
                    "TYPE_MISMATCH", f"Cannot apply operator: {left} {sign} {right}", position=position_of(other)
                )


def _is_typed(node: exp.Expr) -> bool:
    typed = isinstance(node, exp.Column | exp.Cast | exp.Count)
    return typed and node.is_type(*exp.DataType.NUMERIC_TYPES, *exp.DataType.TEMPORAL_TYPES, "BOOLEAN")


def _mend(node: exp.Expr) -> None:
    if isinstance(node, exp.Column) and node.args.get("db"):
        node.set("db", None)
        node.set("catalog", None)
    elif isinstance(node, exp.Lambda):
        node.set("colon", True)
    elif isinstance(node, exp.Cast):
        _mend_cast(node)
    elif isinstance(node, exp.Div):
        _mend_division(node)
    elif isinstance(node, exp.Avg):
        _mend_average(node)
    elif isinstance(node, exp.AtTimeZone):
        mend_zone(node)
    elif (zoned := zone_call(node)) is not None:
        node.replace(zoned)
        mend_zone(zoned)
    elif keeps_day(node) or (isinstance(node, exp.TimestampTrunc | exp.DateTrunc) and node.this.is_type("DATE")):
        _wrap(node, "DATE")
    elif is_day_difference(node):
        node.replace(exp.Anonymous(this="TO_DAYS", expressions=[node.copy()]))
    else:
        mend_function(node)


def _wrap(node: exp.Expr, kind: str) -> None:
    to = exp.DataType.build(kind, dialect="duckdb")
    cast = exp.Cast(this=node.copy(), to=to)
    cast.type = to
    node.replace(cast)


def _mend_cast(node: exp.Cast) -> None:
    """Give bare DECIMAL Trino's size, print times as Trino does, and cut instead of rounding where Trino rounds half up."""
    to, source = node.to, node.this
    if to.this == exp.DataType.Type.DECIMAL and not to.expressions:
        digits = source.name if isinstance(source, exp.Literal) and source.is_string else ""
        scale = len(digits.partition(".")[2])
        to.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (38, scale)])
    elif to.this == exp.DataType.Type.TIMESTAMP and not to.expressions and _is_output(node):
        node.set("to", exp.DataType.build("TIMESTAMP_MS", dialect="duckdb"))
    elif to.is_type(*exp.DataType.TEXT_TYPES) and source.is_type("TIMESTAMP", "TIMESTAMPNTZ"):
        node.set(
            "this", exp.func("STRFTIME", source.copy(), exp.Literal.string("%Y-%m-%d %H:%M:%S.%f"), dialect="duckdb")
        )
    elif to.is_type(*exp.DataType.INTEGER_TYPES) and source.is_type("DOUBLE", "FLOAT"):
        node.set("this", exp.func("ROUND", source.copy()))


def _is_output(node: exp.Expr) -> bool:
    outer = node.parent.parent if isinstance(node.parent, exp.Alias) else node.parent
    return isinstance(outer, exp.Select) and outer.parent is None and node.arg_key in ("this", "expressions")


def _mend_division(node: exp.Div) -> None:
    """Integers divide to an integer, decimals to a decimal of the larger scale."""
    left, right = node.left, node.right
    if left.is_type(*exp.DataType.INTEGER_TYPES) and right.is_type(*exp.DataType.INTEGER_TYPES):
        whole = exp.IntDiv(this=left.copy(), expression=right.copy())
        whole.type = node.type
        node.replace(whole)
    elif left.is_type("DECIMAL") or right.is_type("DECIMAL"):
        scales = [_scale(side) for side in (left, right)]
        if None not in scales and not (left.is_type("DOUBLE") or right.is_type("DOUBLE")):
            _wrap(node, f"DECIMAL(38, {max(scale for scale in scales if scale is not None)})")


def _scale(node: exp.Expr) -> int | None:
    if node.is_type(*exp.DataType.INTEGER_TYPES):
        return 0
    kind = node.type
    return int(kind.expressions[1].name) if kind is not None and len(kind.expressions) == 2 else None


def _mend_average(node: exp.Avg) -> None:
    kind = node.this.type
    if kind is not None and node.this.is_type("DECIMAL") and len(kind.expressions) == 2:
        outer = node.parent if isinstance(node.parent, exp.Window | exp.Filter) else node
        _wrap(outer, f"DECIMAL({kind.expressions[0].name}, {kind.expressions[1].name})")
