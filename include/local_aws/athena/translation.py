"""Turn a tree of Athena's dialect (Trino) into DuckDB's SQL, keeping Trino's meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.statements import position_of

# Functions of Trino that DuckDB lacks or names otherwise and sqlglot passes on as they are.
MACROS = (
    "CREATE MACRO map_agg(k, v) AS map(list(k), list(v))",
    "CREATE MACRO to_iso8601(t) AS CASE typeof(t) WHEN 'DATE' THEN strftime(t::TIMESTAMP, '%Y-%m-%d') "
    "ELSE strftime(t, '%Y-%m-%dT%H:%M:%S.%g') || CASE WHEN typeof(t) LIKE '%ZONE' THEN 'Z' ELSE '' END END",
    "CREATE MACRO from_unixtime_nanos(n) AS make_timestamp_ns(n)",
    "CREATE MACRO is_nan(x) AS isnan(x)",
    "CREATE MACRO day_of_month(t) AS day(t)",
    "CREATE MACRO day_of_year(t) AS dayofyear(t)",
    "CREATE MACRO codepoint(s) AS unicode(s)",
    "CREATE MACRO array_max(a) AS list_max(a)",
    "CREATE MACRO array_min(a) AS list_min(a)",
    "CREATE MACRO array_position(a, x) AS coalesce(list_position(a, x), 0)",
    "CREATE MACRO array_intersect(a, b) AS list_intersect(a, b)",
    "CREATE MACRO array_except(a, b) AS list_filter(list_distinct(a), lambda x: NOT list_contains(b, x))",
    "CREATE MACRO array_union(a, b) AS list_distinct(list_concat(a, b))",
    "CREATE MACRO geometric_mean(x) AS geomean(x)",
    "CREATE MACRO bitwise_and_agg(x) AS bit_and(x)",
    "CREATE MACRO bitwise_or_agg(x) AS bit_or(x)",
)

_JODA = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M",
    "ss": "%S", "SSSSSS": "%f", "SSS": "%g", "EEEE": "%A", "EEE": "%a", "E": "%a", "a": "%p", "DDD": "%j", "Z": "%z",
    "y": "%Y", "M": "%-m", "d": "%-d", "H": "%-H", "h": "%-I", "m": "%-M", "s": "%-S", "xxxx": "%G", "ww": "%V", "e": "%u",
}  # fmt: skip
_JODA_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*")


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
                kind = _trino_name(other)
                left, right = (kind, f"varchar({len(side.name)})")[:: 1 if other is node.left else -1]
                sign = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[node.key]
                raise QueryFailedError(
                    "TYPE_MISMATCH", f"Cannot apply operator: {left} {sign} {right}", position=position_of(other)
                )


def _is_typed(node: exp.Expr) -> bool:
    typed = isinstance(node, exp.Column | exp.Cast | exp.Count)
    return typed and node.is_type(*exp.DataType.NUMERIC_TYPES, *exp.DataType.TEMPORAL_TYPES, "BOOLEAN")


def _trino_name(node: exp.Expr) -> str:
    kind = node.type
    if kind is None:
        return "unknown"
    return "timestamp(6)" if kind.this == exp.DataType.Type.TIMESTAMP else kind.sql("trino").lower().replace(", ", ",")


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
    elif isinstance(node, exp.Anonymous):
        _mend_function(node)
    elif isinstance(node, exp.TimestampTrunc | exp.DateTrunc) and node.this.is_type("DATE"):
        _wrap(node, "DATE")


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


def _mend_function(node: exp.Anonymous) -> None:
    name = node.name.lower()
    if name in ("format_datetime", "parse_datetime") and len(node.expressions) == 2:
        pattern = node.expressions[1]
        if not pattern.is_string:
            raise QueryFailedError("NOT_SUPPORTED", f"local Athena needs a literal pattern in {name}")
        function = "STRFTIME" if name == "format_datetime" else "STRPTIME"
        arguments = [node.expressions[0].copy(), exp.Literal.string(strftime_pattern(pattern.name))]
        node.replace(exp.Anonymous(this=function, expressions=arguments))
    elif name in ("any_match", "all_match", "none_match"):
        _mend_match(node, name)


def _mend_match(node: exp.Anonymous, name: str) -> None:
    values, test = (one.copy() for one in node.expressions)
    matches = exp.Anonymous(this="LEN", expressions=[exp.Anonymous(this="LIST_FILTER", expressions=[values, test])])
    total: exp.Expr = (
        exp.Anonymous(this="LEN", expressions=[values.copy()]) if name == "all_match" else exp.Literal.number(0)
    )
    node.replace(exp.Paren(this=(exp.GT if name == "any_match" else exp.EQ)(this=matches, expression=total)))


def strftime_pattern(joda: str) -> str:
    """Turn a Joda-Time pattern into strftime's. Raises QueryFailedError for a letter that has no equal."""

    def part(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return match.group(1).replace("''", "'").replace("%", "%%") or "'"
        if match.group(0) not in _JODA:
            raise QueryFailedError(
                "NOT_SUPPORTED", f"local Athena does not know {match.group(0)!r} in the date pattern {joda!r}"
            )
        return _JODA[match.group(0)]

    return _JODA_PART.sub(part, joda)
