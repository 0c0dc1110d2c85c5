"""Functions of arrays, maps, rows and JSON that DuckDB answers otherwise than Trino."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.types import digits_of, family_of


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of DuckDB's function of this name."""
    return exp.Anonymous(this=name, expressions=[one.copy() for one in arguments])


def _mend_match(node: exp.Expr, name: str) -> None:
    values, test = (one.copy() for one in node.expressions)
    matches = call("LEN", call("LIST_FILTER", values, test))
    total: exp.Expr = call("LEN", values) if name == "all_match" else exp.Literal.number(0)
    node.replace(exp.Paren(this=(exp.GT if name == "any_match" else exp.EQ)(this=matches, expression=total)))


def _mend_scalar(node: exp.Expr) -> None:
    """An object or an array is no scalar: null."""
    kind = call("JSON_TYPE", node.this, node.expression)
    nested = exp.In(this=kind, expressions=[exp.Literal.string(one) for one in ("OBJECT", "ARRAY")])
    node.replace(exp.Case().when(nested, exp.null()).else_(node.copy()))


def _mend_reverse(node: exp.Expr) -> None:
    if family_of(node.this) == "array":
        node.replace(call("LIST_REVERSE", node.this))


def _mend_subscript(node: exp.Expr) -> None:
    """`a[9]` fails where there is no ninth element; element_at gives null. sqlglot counts only literal places from 1 to 0."""
    index = node.expressions[0]
    if node.args.get("safe") or (family_of(node.this) == "map" and family_of(index) == "text"):
        return
    if family_of(node.this) == "map" or not index.is_int:
        raise QueryFailedError(
            "NOT_SUPPORTED", "local Athena takes [] with a literal place or a text only: use element_at"
        )
    if family_of(node.this) == "array":
        missing = exp.LT(this=call("LEN", node.this), expression=exp.Literal.number(int(index.name) + 1))
        failure = call("ERROR", exp.Literal.string("Array subscript must be less than or equal to array length"))
        node.replace(exp.Case().when(missing, failure).else_(node.copy()))


def _mend_json_length(node: exp.Expr, _name: str) -> None:
    """What is no array has no length."""
    is_array = exp.EQ(this=call("JSON_TYPE", *node.expressions), expression=exp.Literal.string("ARRAY"))
    node.replace(exp.Case().when(is_array, node.copy()))


def _mend_split(node: exp.Expr) -> None:
    if node.args.get("limit") is not None:
        raise QueryFailedError("NOT_SUPPORTED", "local Athena knows split without a limit only")


def _mend_sequence(node: exp.Expr) -> None:
    """Dates stay dates; whole numbers count down where the end lies before the start."""
    start, end = node.args["start"], node.args["end"]
    if start.is_type("DATE"):
        node.replace(exp.cast(node.copy(), "DATE[]", dialect="duckdb"))
    elif node.args.get("step") is None and digits_of(start.type):
        falls = exp.GT(this=start.copy(), expression=end.copy())
        node.set("step", exp.Case().when(falls, exp.Literal.number(-1)).else_(exp.Literal.number(1)))


def _mend_row(node: exp.Expr) -> None:
    """Fields without a name are `field0`, `field1`, …"""
    if isinstance(node.parent, exp.Cast) or any(isinstance(one, exp.PropertyEQ) for one in node.expressions):
        return
    fields = [
        exp.PropertyEQ(this=exp.to_identifier(f"field{place}"), expression=one.copy())
        for place, one in enumerate(node.expressions)
    ]
    node.set("expressions", fields)


BY_NAME: dict[str, Callable[[exp.Expr, str], None]] = {
    "any_match": _mend_match,
    "all_match": _mend_match,
    "none_match": _mend_match,
    "json_array_length": _mend_json_length,
}
BY_KIND: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Bracket: _mend_subscript,
    exp.GenerateSeries: _mend_sequence,
    exp.JSONExtractScalar: _mend_scalar,
    exp.Reverse: _mend_reverse,
    exp.Split: _mend_split,
    exp.Struct: _mend_row,
}
