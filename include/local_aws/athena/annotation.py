"""Give every expression the type that Trino gives it: sqlglot's annotations, put right where Trino differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import ensure_schema

from include.local_aws.athena.types import (
    FAMILY_OF,
    INTEGER_DIGITS,
    MAX_PRECISION,
    Digits,
    Type,
    decimal_type,
    digits_of,
    family_of,
    is_decimal,
    literal_scale,
)


def annotate(tree: exp.Query, schema: Mapping[str, Any]) -> exp.Query:
    """Type every expression of a qualified tree in place; what is not known for certain stays UNKNOWN."""
    return _TrinoTypes(ensure_schema(dict(schema), dialect="trino"), expression_metadata=_METADATA).annotate(tree)


class _TrinoTypes(TypeAnnotator):
    def _maybe_coerce(self, type1: Type, type2: Type) -> Type:
        """The common type of two: decimals with whole and broken digits enough for both."""
        kinds = [one.this if isinstance(one, exp.DataType) else one for one in (type1, type2)]
        if exp.DType.UNKNOWN in kinds:
            return exp.DType.UNKNOWN
        if exp.DType.NULL in kinds:
            return type2 if kinds[0] is exp.DType.NULL else type1
        left, right = digits_of(type1), digits_of(type2)
        if exp.DType.DECIMAL in kinds and left and right:
            scale = max(left[1], right[1])
            return decimal_type(max(left[0] - left[1], right[0] - right[1]) + scale, scale)
        if FAMILY_OF.get(kinds[0]) != FAMILY_OF.get(kinds[1]):
            return exp.DType.UNKNOWN
        if exp.DType.DECIMAL in kinds:
            return type2 if kinds[0] is exp.DType.DECIMAL else type1
        return super()._maybe_coerce(type1, type2)


def _literal(self: TypeAnnotator, node: exp.Literal) -> None:
    text = node.name
    if node.is_string:
        self._set_type(node, exp.DType.VARCHAR)
    elif text.isdigit():
        self._set_type(node, exp.DType.INT if int(text) < 2**31 else exp.DType.BIGINT)
    elif "e" in text.lower():
        self._set_type(node, exp.DType.DOUBLE)
    else:
        whole, _, broken = text.partition(".")
        self._set_type(node, decimal_type(max(1, len(whole.lstrip("0")) + len(broken)), len(broken)))


def _arithmetic(self: TypeAnnotator, node: exp.Binary) -> None:
    left, right = digits_of(node.left.type), digits_of(node.right.type)
    if left and right and (is_decimal(node.left) or is_decimal(node.right)):
        self._set_type(node, decimal_type(*_result_digits(node, left, right)))
        return
    families = {family_of(node.left), family_of(node.right)}
    if families == {"moment"} and isinstance(node, exp.Sub):
        self._set_type(node, exp.DType.INTERVAL)
    elif families == {"moment", "interval"}:
        moment = node.left if family_of(node.left) == "moment" else node.right
        self._set_type(node, moment.type)
    elif families == {"number", "interval"}:
        self._set_type(node, exp.DType.INTERVAL)
    elif families in ({"number"}, {"interval"}):
        self._set_type(node, self._maybe_coerce(_kind(node.left), _kind(node.right)))
    else:
        self._set_type(node, exp.DType.UNKNOWN)


def _result_digits(node: exp.Binary, left: Digits, right: Digits) -> Digits:
    scale = max(left[1], right[1])
    if isinstance(node, exp.Mul):
        return left[0] + right[0], left[1] + right[1]
    if isinstance(node, exp.Div):
        return left[0] + right[1] + max(0, right[1] - left[1]), scale
    if isinstance(node, exp.Mod):
        return min(left[0] - left[1], right[0] - right[1]) + scale, scale
    return max(left[0] - left[1], right[0] - right[1]) + scale + 1, scale


def _sum(self: TypeAnnotator, node: exp.Expr) -> None:
    digits, kind = digits_of(node.this.type), _kind(node.this)
    if is_decimal(node.this) and digits:
        self._set_type(node, decimal_type(MAX_PRECISION, digits[1]))
    else:
        self._set_type(node, exp.DType.BIGINT if digits else kind)


def _average(self: TypeAnnotator, node: exp.Expr) -> None:
    keeps = is_decimal(node.this) or node.this.is_type(exp.DType.FLOAT, exp.DType.INTERVAL)
    self._set_type(node, node.this.type if keeps else exp.DType.DOUBLE)


def _rounded(self: TypeAnnotator, node: exp.Expr) -> None:
    """Rounded to a whole number a decimal has no scale; rounded to a place it keeps its own."""
    digits = digits_of(node.this.type)
    if not is_decimal(node.this) or digits is None:
        self._set_type(node, node.this.type)
    elif node.args.get("decimals") is not None:
        self._set_type(node, decimal_type(digits[0] + 1, digits[1]))
    else:
        self._set_type(node, decimal_type(digits[0] - digits[1] + min(1, digits[1]), 0))


def _cast(self: TypeAnnotator, node: exp.Cast) -> None:
    if node.to.this is exp.DType.DECIMAL and not node.to.expressions:
        self._set_type(node, decimal_type(MAX_PRECISION, literal_scale(node)))
    else:
        self._set_type(node, node.to)


def _extreme(self: TypeAnnotator, node: exp.Expr) -> None:
    """`max(x, n)` is an array of the n greatest."""
    if node.expressions:
        self._set_type(node, exp.DataType(this=exp.DType.ARRAY, expressions=[_kind(node.this)], nested=True))
    else:
        self._set_type(node, node.this.type)


def _quantile(self: TypeAnnotator, node: exp.ApproxQuantile) -> None:
    single = family_of(node.args["quantile"]) == "number"
    whole = single and node.this.is_type(*INTEGER_DIGITS)
    self._set_type(node, exp.DType.BIGINT if whole else exp.DType.DOUBLE if single else exp.DType.UNKNOWN)


def _moment_trunc(self: TypeAnnotator, node: exp.Expr) -> None:
    self._set_type(node, node.this.type if family_of(node.this) == "moment" else exp.DType.UNKNOWN)


def _named(self: TypeAnnotator, node: exp.Anonymous) -> None:
    self._set_type(node, _NAMED.get(node.name.lower(), exp.DType.UNKNOWN))


def _kind(node: exp.Expr | None) -> exp.DataType:
    return node.type if node is not None and node.type is not None else exp.DType.UNKNOWN.into_expr()


def _joined(self: TypeAnnotator, node: exp.Expr) -> None:
    """Texts join to a text; an array and whatever is joined to it is an array."""
    parts = [node.this, node.expression] if isinstance(node, exp.DPipe) else node.expressions
    array = next((part for part in parts if family_of(part) == "array"), None)
    texts = all(family_of(part) == "text" for part in parts)
    self._set_type(node, array.type if array is not None else exp.DType.VARCHAR if texts else exp.DType.UNKNOWN)


def _sequence(self: TypeAnnotator, node: exp.GenerateSeries) -> None:
    start = node.args["start"]
    element = exp.DType.BIGINT if digits_of(start.type) else _kind(start).this
    self._set_type(node, exp.DataType(this=exp.DType.ARRAY, expressions=[element.into_expr()], nested=True))


def _texts(self: TypeAnnotator, node: exp.Expr) -> None:
    self._set_type(node, exp.DataType.build("ARRAY<VARCHAR>"))


def _same(self: TypeAnnotator, node: exp.Expr) -> None:
    self._set_type(node, _kind(node.args.get("this")))


def _element(self: TypeAnnotator, node: exp.Expr) -> None:
    kinds = _kind(node.this).expressions if family_of(node.this) == "array" else []
    self._set_type(node, kinds[0] if kinds else exp.DType.UNKNOWN)


_NAMED: dict[str, exp.DType] = {
    **dict.fromkeys(("millisecond", "codepoint", "json_array_length"), exp.DType.BIGINT),
    **dict.fromkeys(("nan", "infinity", "geometric_mean"), exp.DType.DOUBLE),
    **dict.fromkeys(("format_datetime", "to_iso8601"), exp.DType.VARCHAR),
    **dict.fromkeys(("any_match", "all_match", "none_match", "every"), exp.DType.BOOLEAN),
    **dict.fromkeys(("at_timezone", "with_timezone", "from_unixtime_nanos"), exp.DType.TIMESTAMPTZ),
}
_RETURNS: dict[exp.DType, tuple[type[exp.Expr], ...]] = {
    exp.DType.BIGINT: (
        exp.ArrayPosition, exp.BitwiseCount, exp.Count, exp.DateDiff, exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.DayOfWeekIso,
        exp.DayOfYear, exp.Extract, exp.Hour, exp.Minute, exp.Month, exp.Quarter, exp.RegexpCount, exp.Second, exp.Week,
        exp.WeekOfYear, exp.Year, exp.YearOfWeek, exp.YearOfWeekIso,
    ),
    exp.DType.DOUBLE: (exp.Corr, exp.TimeToUnix),
    exp.DType.DATE: (exp.FromISO8601Date,),
    exp.DType.TIMESTAMP: (exp.Localtimestamp,),
    exp.DType.TIMESTAMPTZ: (
        exp.AtTimeZone, exp.CurrentTimestamp, exp.FromISO8601Timestamp, exp.ParseDatetime, exp.UnixToTime,
    ),
    exp.DType.VARCHAR: (
        exp.Decode, exp.Format, exp.Hex, exp.JSONExtractScalar, exp.JSONFormat, exp.Pad, exp.RegexpExtract, exp.RegexpReplace,
        exp.Replace, exp.SplitPart,
    ),
    exp.DType.VARBINARY: (exp.Encode, exp.SHA2Digest, exp.Unhex),
    exp.DType.JSON: (exp.JSONExtract,),
    exp.DType.UNKNOWN: (exp.All, exp.Any),
}  # fmt: skip
_ANNOTATORS: dict[Callable[..., None], tuple[type[exp.Expr], ...]] = {
    _arithmetic: (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod),
    _average: (exp.Avg,),
    _cast: (exp.Cast, exp.TryCast),
    _element: (exp.ArrayMax, exp.ArrayMin),
    _extreme: (exp.Max, exp.Min),
    _joined: (exp.Concat, exp.DPipe),
    _literal: (exp.Literal,),
    _moment_trunc: (exp.DateTrunc, exp.TimestampTrunc),
    _named: (exp.Anonymous,),
    _quantile: (exp.ApproxQuantile,),
    _rounded: (exp.Round, exp.Ceil, exp.Floor),
    _same: (exp.ArgMax, exp.ArgMin, exp.ArrayFilter, exp.ArraySort, exp.Reverse, exp.Try, exp.Trunc),
    _sequence: (exp.GenerateSeries,),
    _sum: (exp.Sum,),
    _texts: (exp.Split, exp.RegexpSplit, exp.RegexpExtractAll),
}
_METADATA: dict[type[exp.Expr], dict[str, Any]] = {
    **Trino.EXPRESSION_METADATA,
    **{one: {"returns": kind} for kind, ones in _RETURNS.items() for one in ones},
    **{one: {"annotator": annotator} for annotator, ones in _ANNOTATORS.items() for one in ones},
}
