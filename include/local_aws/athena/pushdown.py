"""Find the filters of a query that a table's scan may apply already, so that partitions and files are pruned.

Only conditions that reject null are taken, and the query keeps them all: a filter too few costs time, never rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import Any

from pyiceberg import expressions as ice
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
)
from sqlglot import exp

Evaluate = Callable[[exp.Expr], Any]
"""Computes a constant expression; raises ValueError when it is not constant or not computable."""

_PREDICATES: dict[type[exp.Expr], Callable[[str, Any], ice.BooleanExpression]] = {
    exp.EQ: lambda column, value: ice.EqualTo(term=ice.Reference(column), value=value),
    exp.LT: lambda column, value: ice.LessThan(term=ice.Reference(column), value=value),
    exp.LTE: lambda column, value: ice.LessThanOrEqual(term=ice.Reference(column), value=value),
    exp.GT: lambda column, value: ice.GreaterThan(term=ice.Reference(column), value=value),
    exp.GTE: lambda column, value: ice.GreaterThanOrEqual(term=ice.Reference(column), value=value),
}
_SWAPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}
_DAY = timedelta(days=1)


def scan_filter(node: exp.Table, schema: Schema, evaluate: Evaluate) -> ice.BooleanExpression:
    """The part of the enclosing SELECT's WHERE that holds for the rows of this table alone."""
    select = node.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    if select is None or where is None or node.find_ancestor(exp.From, exp.Join) is None:
        return ice.AlwaysTrue()
    sources = [
        table
        for table in select.find_all(exp.Table, exp.Subquery, exp.Unnest)
        if table.find_ancestor(exp.Select) is select
    ]
    reader = _Reader(node.alias_or_name.lower(), schema, evaluate, alone=len(sources) == 1)
    return reader.read(where.this) or ice.AlwaysTrue()


class _Reader:
    """Reads conditions on one table's columns."""

    def __init__(self, alias: str, schema: Schema, evaluate: Evaluate, *, alone: bool) -> None:
        self._alias = alias
        self._schema = schema
        self._evaluate = evaluate
        self._alone = alone

    def read(self, node: exp.Expr) -> ice.BooleanExpression | None:
        """The condition as Iceberg's, or None where it says nothing certain about this table."""
        try:
            return self._read(node)
        except (ValueError, TypeError, OverflowError):
            return None

    def _read(self, node: exp.Expr) -> ice.BooleanExpression | None:
        if isinstance(node, exp.Paren):
            return self._read(node.this)
        if isinstance(node, exp.And | exp.Or):
            return self._connect(node)
        if isinstance(node, exp.Between):
            low = self._compare(exp.GTE, node.this, node.args["low"])
            return ice.And(low, self._compare(exp.LTE, node.this, node.args["high"]))
        if isinstance(node, exp.In) and node.expressions:
            return reduce(ice.Or, [self._compare(exp.EQ, node.this, one) for one in node.expressions])
        return self._predicate(node) if isinstance(node, exp.Binary) and type(node) in _PREDICATES else None

    def _connect(self, node: exp.And | exp.Or) -> ice.BooleanExpression | None:
        """A conjunction may lose parts, a disjunction none."""
        left, right = self.read(node.left), self.read(node.right)
        if left is not None and right is not None:
            return (ice.And if isinstance(node, exp.And) else ice.Or)(left, right)
        return (left or right) if isinstance(node, exp.And) else None

    def _predicate(self, node: exp.Binary) -> ice.BooleanExpression:
        if next(node.left.find_all(exp.Column), None) is not None:
            return self._compare(type(node), node.left, node.right)
        return self._compare(_SWAPPED[type(node)], node.right, node.left)

    def _compare(self, sign: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> ice.BooleanExpression:
        day_of = _day_operand(left)
        column = self._column(day_of if day_of is not None else left)
        value = self._evaluate(right)
        if day_of is not None:
            return _day_condition(sign, column, _midnight(value))
        kind = self._schema.find_field(column, case_sensitive=False).field_type
        return _PREDICATES[sign](column, _typed(kind, value, sign))

    def _column(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Column):
            raise ValueError("not a column")
        if node.table.lower() != self._alias and (node.table or not self._alone):
            raise ValueError("not certainly a column of this table")
        return self._schema.find_field(node.name, case_sensitive=False).name


def _day_operand(node: exp.Expr) -> exp.Expr | None:
    """The operand of date(x), cast(x as date) and date_trunc('day', x)."""
    operand: exp.Expr | None = node.args.get("this") if isinstance(node.args.get("this"), exp.Expr) else None
    if isinstance(node, exp.Date | exp.TsOrDsToDate) or (isinstance(node, exp.Cast) and node.to.is_type("DATE")):
        return operand
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc) and str(node.args.get("unit")).upper().strip("'") == "DAY":
        return operand
    return None


def _midnight(value: Any) -> datetime:
    moment = _zoneless(value)
    if moment.time() != time(0):
        raise ValueError("not a midnight")
    return moment


def _day_condition(sign: type[exp.Expr], column: str, day: datetime) -> ice.BooleanExpression:
    start, end = day.isoformat(), (day + _DAY).isoformat()
    if sign is exp.EQ:
        return ice.And(_PREDICATES[exp.GTE](column, start), _PREDICATES[exp.LT](column, end))
    if sign in (exp.LT, exp.GTE):
        return _PREDICATES[sign](column, start)
    return _PREDICATES[exp.LT if sign is exp.LTE else exp.GTE](column, end)


def _zoneless(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time(0))
    raise ValueError("not a time")


def _typed(kind: IcebergType, value: Any, sign: type[exp.Expr]) -> Any:
    """The value as a literal of the column's type; raises ValueError unless that is exact."""
    if isinstance(kind, TimestampType):
        return _zoneless(value).isoformat()
    if isinstance(kind, TimestamptzType):
        return _zoneless(value).isoformat() + "+00:00"
    exact: dict[type[IcebergType], type] = {
        IntegerType: int,
        LongType: int,
        StringType: str,
        BooleanType: bool,
        DateType: date,
    }
    wanted = exact.get(type(kind))
    if wanted is None or type(value) is not wanted or (wanted is bool and sign is not exp.EQ):
        raise ValueError(f"{value!r} is not exactly a {kind}")
    return value
