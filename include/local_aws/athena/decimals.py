"""Arithmetic with decimals, exact and with Trino's scales: DuckDB overflows early, and divides and averages in double."""

from __future__ import annotations

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.types import digits_of, family_of, is_decimal

MACROS = (
    # Whole numbers divided, rounded half up: away from zero.
    "CREATE MACRO half_up(a, b) AS (a // b) + CASE WHEN 2 * abs(a % b) >= abs(b) THEN sign(a) * sign(b) ELSE 0 END",
    # The digits of a decimal as a whole number: the value times a power of ten.
    "CREATE MACRO digits_of(x, power) AS trunc(x)::HUGEINT * power + ((x - trunc(x)) * power::DECIMAL(38, 0))::HUGEINT",
)


def mend_arithmetic(node: exp.Binary) -> None:
    """Widen the operands of decimal arithmetic, and divide exactly. Raises QueryFailedError for a division of the unknown."""
    if isinstance(node, exp.Div) and None in (family_of(node.left), family_of(node.right)):
        message = f"local Athena does not know the types in {node.sql('trino')}: cast its operands"
        raise QueryFailedError("NOT_SUPPORTED", message)
    left, right = digits_of(node.left.type), digits_of(node.right.type)
    if left is None or right is None:
        return
    if not (is_decimal(node.left) or is_decimal(node.right)):
        if isinstance(node, exp.Div):
            _replace(node, exp.IntDiv(this=node.left.copy(), expression=node.right.copy()))
        return
    scale = max(left[1], right[1])
    if isinstance(node, exp.Div):
        dividend = _unscaled(node.left.copy(), scale + right[1])
        _replace(node, _scaled(_call("HALF_UP", dividend, _unscaled(node.right.copy(), right[1])), scale))
    elif isinstance(node, exp.Mod):
        rest = exp.Mod(this=_unscaled(node.left.copy(), scale), expression=_unscaled(node.right.copy(), scale))
        _replace(node, _scaled(rest, scale))
    else:
        node.set("this", _wide(node.left.copy(), left[1]))
        node.set("expression", _wide(node.right.copy(), right[1]))


def mend_average(node: exp.Avg) -> None:
    """The average of decimals is a decimal of their scale."""
    digits = digits_of(node.this.type)
    if digits is None or not is_decimal(node.this):
        return
    total, count = (_with_aggregate(node, kind) for kind in (exp.Sum, exp.Count))
    outer: exp.Expr = node
    while isinstance(outer.parent, exp.Window | exp.Filter) and outer.arg_key == "this":
        outer = outer.parent
    whole = _call("HALF_UP", _unscaled(total, digits[1]), count)
    nothing = exp.EQ(this=count.copy(), expression=exp.Literal.number(0))
    _replace(outer, exp.Case().when(nothing, exp.null()).else_(_scaled(whole, digits[1])))


def mend_rounding(node: exp.Expr) -> None:
    """Rounded to a place a decimal keeps its scale; a whole number stays what it is."""
    digits = digits_of(node.this.type)
    if digits is None:
        return
    if not is_decimal(node.this):
        if node.args.get("decimals") is None:
            _replace(node, node.this.copy())
    elif node.args.get("decimals") is not None:
        _replace(node, _wide(node.copy(), digits[1]))


def _with_aggregate(node: exp.Avg, kind: type[exp.Expr]) -> exp.Expr:
    """The average with its filter and window, another aggregate in its place."""
    outer: exp.Expr = node
    path = []
    while isinstance(outer.parent, exp.Window | exp.Filter) and outer.arg_key == "this":
        outer = outer.parent
        path.append(outer)
    if not path:
        return kind(this=node.this.copy())
    copied = outer.copy()
    average = copied
    for _ in path:
        average = average.this
    average.replace(kind(this=node.this.copy()))
    return copied


def _unscaled(node: exp.Expr, scale: int) -> exp.Expr:
    """The digits of a decimal as a whole number."""
    power = _cast(exp.Literal.number(10**scale), "HUGEINT")
    return _call("DIGITS_OF", _wide(node, scale), power)


def _scaled(whole: exp.Expr, scale: int) -> exp.Expr:
    """The decimal of `scale` whose digits are a whole number's."""
    digits = _cast(whole, "DECIMAL(38, 0)")
    if not scale:
        return digits
    unit = _cast(exp.Literal.string(f"0.{'1':0>{scale}}"), f"DECIMAL(38, {scale})")
    return exp.Paren(this=exp.Mul(this=digits, expression=unit))


def _wide(node: exp.Expr, scale: int) -> exp.Expr:
    return _cast(node, f"DECIMAL(38, {scale})")


def _cast(node: exp.Expr, kind: str) -> exp.Expr:
    """Cast also what is cast already: sqlglot's own cast takes two decimals of any size for one type."""
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _replace(node: exp.Expr, other: exp.Expr) -> None:
    other.type = node.type
    node.replace(other)
