"""Refuse operands whose types do not go together, as Trino does and DuckDB, which converts them, does not.

Only types that are known for certain are judged: an expression of an unknown type passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError, position_of
from include.local_aws.athena.types import family_of, trino_name

_SIGNS = {
    "eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "nullsafeeq": "IS NOT DISTINCT FROM",
    "nullsafeneq": "IS DISTINCT FROM", "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%",
}  # fmt: skip
_TEXT, _MOMENT, _NUMBER, _BOOLEAN = ("text",), ("moment",), ("number",), ("boolean",)
_ARGUMENTS: dict[type[exp.Expr], tuple[str, ...]] = {
    **dict.fromkeys(
        (exp.Lower, exp.Upper, exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Split, exp.SplitPart,
         exp.StartsWith, exp.StrPosition, exp.Trim, exp.Pad, exp.StrToTime, exp.FromISO8601Timestamp), _TEXT),
    **dict.fromkeys((exp.Length, exp.Substring), ("text", "binary")),
    **dict.fromkeys(
        (exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.WeekOfYear, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfMonth,
         exp.DayOfYear, exp.YearOfWeek, exp.LastDay, exp.TimeToUnix, exp.DateTrunc, exp.TimestampTrunc), _MOMENT),
    **dict.fromkeys((exp.Hour, exp.Minute, exp.Second, exp.DateAdd, exp.DateDiff, exp.TimeToStr), ("moment", "time")),
    **dict.fromkeys((exp.Sum, exp.Avg, exp.Abs, exp.Neg), ("number", "interval")),
    **dict.fromkeys(
        (exp.Ceil, exp.Floor, exp.Round, exp.Trunc, exp.Sqrt, exp.Ln, exp.Exp, exp.Pow, exp.Sign, exp.Stddev, exp.StddevPop,
         exp.StddevSamp, exp.Variance, exp.VariancePop, exp.UnixToTime, exp.ApproxQuantile), _NUMBER),
    **dict.fromkeys((exp.CountIf, exp.LogicalAnd, exp.LogicalOr), _BOOLEAN),
}  # fmt: skip
"""What the first argument of a function may be."""


def check_operands(tree: exp.Query) -> None:
    """Raise QueryFailedError (TYPE_MISMATCH) at the first operand that Trino refuses."""
    for node in tree.walk():
        for kind, check in _CHECKS:
            if isinstance(node, kind):
                check(node)


def _differ(*nodes: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """The first two of the nodes whose types are known and have nothing in common."""
    known = [node for node in nodes if family_of(node) is not None]
    return next(((one, other) for one, other in pairwise(known) if family_of(one) != family_of(other)), None)


def _refuse(message: str, *nodes: exp.Expr, code: str = "TYPE_MISMATCH") -> None:
    position = next((found for node in nodes if (found := position_of(node)) is not None), None)
    raise QueryFailedError(code, message, position=position)


def _check_pair(node: exp.Binary) -> None:
    if _differ(node.left, node.right) is not None:
        _refuse_operator(node)


def _check_arithmetic(node: exp.Binary) -> None:
    families = {family_of(node.left), family_of(node.right)}
    if None in families:
        wrong = families & {"text", "boolean", "json", "binary"}
    else:
        allowed = _SUMS if isinstance(node, exp.Add | exp.Sub) else _PRODUCTS
        wrong = set() if families in allowed or (families == {"moment"} and isinstance(node, exp.Sub)) else families
    if wrong:
        _refuse_operator(node)


def _refuse_operator(node: exp.Binary) -> None:
    left, right = trino_name(node.left), trino_name(node.right)
    _refuse(f"Cannot apply operator: {left} {_SIGNS[node.key]} {right}", node.left, node.right)


def _check_between(node: exp.Between) -> None:
    low, high = node.args["low"], node.args["high"]
    if _differ(node.this, low) or _differ(node.this, high) or _differ(low, high):
        kinds = [trino_name(one) for one in (node.this, low, high)]
        _refuse("Cannot check if {} is BETWEEN {} and {}".format(*kinds), node.this, low, high)


def _check_in(node: exp.In) -> None:
    query = node.args.get("query")
    others = query.this.selects if isinstance(query, exp.Subquery) else node.expressions
    for other in others:
        if _differ(node.this, other):
            what = f"{trino_name(node.this)}, {trino_name(other)}"
            _refuse(f"IN value and list items must be of the same type: {what}", node.this, other)


def _check_joined(node: exp.Expr) -> None:
    parts = [node.left, node.right] if isinstance(node, exp.DPipe) else node.expressions
    families = [family_of(part) for part in parts]
    foreign = any(family not in (None, "text", "array", "binary") for family in families)
    if "array" not in families and (foreign or _differ(*parts)):
        kinds = ", ".join(map(trino_name, parts))
        _refuse(f"Unexpected parameters ({kinds}) for function concat", *parts, code="FUNCTION_NOT_FOUND")


def _check_like(node: exp.Like) -> None:
    for side, what in ((node.this, "Left side of LIKE expression"), (node.expression, "Pattern for LIKE expression")):
        if family_of(side) not in (None, "text"):
            _refuse(f"{what} must evaluate to a varchar (actual: {trino_name(side)})", side)


def _check_argument(node: exp.Expr) -> None:
    value = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    family = family_of(value)
    if family is not None and family not in _ARGUMENTS[type(node)]:
        name = node.sql_name().lower() if isinstance(node, exp.Func) else node.key
        _refuse(
            f"Unexpected parameters ({trino_name(value)}) for function {name}", value, code="FUNCTION_NOT_FOUND"
        )  # fmt: skip


def _check_condition(node: exp.Expr) -> None:
    """AND, OR, NOT, WHERE, HAVING, ON and the conditions of CASE and IF take booleans."""
    for condition in _conditions(node):
        if family_of(condition) not in (None, "boolean"):
            _refuse(f"{node.key.upper()} must evaluate to a boolean (actual: {trino_name(condition)})", condition)


def _conditions(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Connector):
        yield from (node.left, node.right)
    elif isinstance(node, exp.Join):
        yield from filter(None, [node.args.get("on")])
    elif not (isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and node.parent.this is not None):
        yield node.this


def _check_case(node: exp.Case) -> None:
    results = [one.args["true"] for one in node.args["ifs"]]
    _check_common("CASE results", *results, *filter(None, [node.args.get("default")]))
    if node.this is not None:
        for one in node.args["ifs"]:
            _check_common("CASE operands", node.this, one.this)


def _check_branches(node: exp.If) -> None:
    if not isinstance(node.parent, exp.Case):
        _check_common("IF results", node.args["true"], *filter(None, [node.args.get("false")]))


def _check_common(what: str, *nodes: exp.Expr) -> None:
    if (pair := _differ(*nodes)) is not None:
        kinds = ", ".join(map(trino_name, pair))
        _refuse(f"All {what} must be the same type or coercible to a common type. Cannot find: {kinds}", *pair)


def _check_listed(node: exp.Expr) -> None:
    first = [node.this] if node.args.get("this") is not None else []
    second = [node.expression] if node.args.get("expression") is not None else node.expressions
    _check_common(f"{node.key.upper()} operands", *first, *second)


def _check_values(node: exp.Values) -> None:
    for column in zip(*(row.expressions for row in node.expressions if isinstance(row, exp.Tuple)), strict=False):
        _check_common("VALUES rows", *column)


def _check_set_operation(node: exp.SetOperation) -> None:
    for place, sides in enumerate(zip(node.left.selects, node.right.selects, strict=False), 1):
        if _differ(*sides):
            kinds = ", ".join(trino_name(side) for side in sides)
            _refuse(f"column {place} in {node.key.upper()} query has incompatible types: {kinds}", *sides)


_SUMS = ({"number"}, {"interval"}, {"moment", "interval"}, {"time", "interval"})
_PRODUCTS = ({"number"}, {"number", "interval"})
_CHECKS: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[..., None]], ...] = (
    ((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ), _check_pair),
    ((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _check_arithmetic),
    (exp.Between, _check_between),
    (exp.In, _check_in),
    ((exp.DPipe, exp.Concat), _check_joined),
    (exp.Like, _check_like),
    (tuple(_ARGUMENTS), _check_argument),
    ((exp.Connector, exp.Not, exp.Where, exp.Having, exp.Join, exp.If), _check_condition),
    (exp.Case, _check_case),
    (exp.If, _check_branches),
    ((exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Array, exp.DateDiff), _check_listed),
    (exp.Values, _check_values),
    (exp.SetOperation, _check_set_operation),
)
