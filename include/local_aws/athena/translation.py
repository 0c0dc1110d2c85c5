"""Turn a tree of Athena's dialect (Trino) into DuckDB's SQL, keeping Trino's meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.qualify import qualify

from include.local_aws.athena.annotation import annotate
from include.local_aws.athena.decimals import mend_arithmetic, mend_average, mend_rounding
from include.local_aws.athena.dialect import check_aliases
from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.functions import mend_function, time_pattern
from include.local_aws.athena.operands import check_operands
from include.local_aws.athena.types import family_of, is_decimal, literal_scale
from include.local_aws.athena.zones import is_day_difference, keeps_day, mend_zone, zone_call

_STRICT = (*exp.DataType.INTEGER_TYPES, exp.DType.BOOLEAN)
_ARITHMETIC = exp.Add | exp.Sub | exp.Mul | exp.Mod


def qualified(tree: exp.Query, schema: Mapping[str, Any]) -> exp.Query:
    """The tree with every column bound to its table and every expression typed. Raises QueryFailedError where that cannot be."""
    tree = tree.copy()
    _move_having(tree)
    try:
        bound = qualify(
            tree, schema=dict(schema), dialect="trino", validate_qualify_columns=False,
            quote_identifiers=False, identify=False, expand_alias_refs=False,
        )  # fmt: skip
        typed = annotate(bound, schema)
    except (SqlglotError, KeyError, ValueError, AssertionError) as error:
        raise QueryFailedError("SYNTAX_ERROR", f"local Athena cannot bind the names of this query: {error}") from error
    check_aliases(typed)
    _move_having_back(typed)
    return typed


def _move_having(tree: exp.Query) -> None:
    """Let sqlglot read HAVING as a part of WHERE: alone it takes the SELECT's own names there, which Trino does not."""
    for select in tree.find_all(exp.Select):
        having, where = select.args.get("having"), select.args.get("where")
        if having is not None:
            select.meta["had_where"] = where is not None
            condition = where.this if where is not None else exp.true()
            select.set("where", exp.Where(this=exp.And(this=condition, expression=having.this)))
            select.set("having", None)


def _move_having_back(tree: exp.Query) -> None:
    for select in tree.find_all(exp.Select):
        if "had_where" in select.meta:
            both = select.args["where"].this
            select.set("having", exp.Having(this=both.expression))
            select.set("where", exp.Where(this=both.this) if select.meta.pop("had_where") else None)


def to_duckdb(tree: exp.Query) -> str:
    """Write the qualified tree as DuckDB's SQL. Raises QueryFailedError for what has no equal there."""
    tree = tree.copy()
    check_operands(tree)
    for node in reversed(list(tree.walk(bfs=False))):  # children first: mending a parent copies them
        _mend(node)
    try:
        return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryFailedError("NOT_SUPPORTED", f"local Athena cannot run this expression: {error}") from error


def _mend(node: exp.Expr) -> None:
    if isinstance(node, exp.Column) and node.args.get("db"):
        node.set("db", None)
        node.set("catalog", None)
    elif isinstance(node, exp.Lambda):
        node.set("colon", True)
    elif isinstance(node, exp.Cast):
        _mend_cast(node)
    elif isinstance(node, exp.Div) or (isinstance(node, _ARITHMETIC) and is_decimal(node)):
        mend_arithmetic(node)
    elif isinstance(node, exp.Avg):
        mend_average(node)
    elif isinstance(node, exp.Round | exp.Ceil | exp.Floor | exp.Trunc):
        mend_rounding(node)
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
        sizes = (38, literal_scale(node))
        to.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(size)) for size in sizes])
    elif to.this == exp.DataType.Type.TIMESTAMP and not to.expressions and _is_output(node):
        node.set("to", exp.DataType.build("TIMESTAMP_MS", dialect="duckdb"))
    elif to.is_type(*exp.DataType.TEXT_TYPES) and source.is_type("TIMESTAMP", "TIMESTAMPNTZ"):
        node.set(
            "this", exp.func("STRFTIME", source.copy(), exp.Literal.string("%Y-%m-%d %H:%M:%S.%f"), dialect="duckdb")
        )
    elif to.is_type(*exp.DataType.INTEGER_TYPES) and source.is_type("DOUBLE", "FLOAT"):
        node.set("this", exp.func("ROUND", source.copy()))
    elif to.is_type(*exp.DataType.TEXT_TYPES):
        _mend_text(node)
    elif to.is_type(*_STRICT) and source.is_type(*exp.DataType.TEXT_TYPES):
        node.set("this", exp.Anonymous(this="STRICT_TEXT", expressions=[source.copy(), _pattern_of(to)]))


def _mend_text(node: exp.Cast) -> None:
    """Cut a text to the type's length, and refuse doubles: Trino writes them as `1.5E0`."""
    source, length = node.this, node.to.expressions
    if source.is_type("DOUBLE", "FLOAT"):
        raise QueryFailedError("NOT_SUPPORTED", "local Athena casts no double to a varchar: cast it to a decimal first")
    if source.is_type("TIMESTAMPTZ"):
        node.set(
            "this",
            exp.Anonymous(this="STRFTIME", expressions=[source.copy(), time_pattern(source, "%Y-%m-%d ", " UTC")]),
        )
    if length and family_of(source) != "text":
        raise QueryFailedError("NOT_SUPPORTED", "local Athena casts only texts to a varchar of a length")
    if length:
        node.set("this", exp.Anonymous(this="LEFT", expressions=[source.copy(), length[0].this.copy()]))


def _pattern_of(kind: exp.DataType) -> exp.Expr:
    """What a text must be to become an integer or a boolean: DuckDB also takes `1.5`, ` 1` and `yes`."""
    return exp.Literal.string("(?i)t|true|f|false|1|0" if kind.is_type("BOOLEAN") else "[+-]?[0-9]+")


def _is_output(node: exp.Expr) -> bool:
    outer = node.parent.parent if isinstance(node.parent, exp.Alias) else node.parent
    return isinstance(outer, exp.Select) and outer.parent is None and node.arg_key in ("this", "expressions")
