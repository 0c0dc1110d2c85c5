"""Functions of Trino that DuckDB lacks, names otherwise, or answers differently under the same name."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.types import digits_of, family_of, trino_name

# Those that sqlglot passes on as they are.
MACROS = (
    "CREATE MACRO map_agg(k, v) AS map(list(k), list(v))",
    # A text that a cast must refuse is spoilt, so that it does.
    "CREATE MACRO strict_text(s, pattern) AS CASE WHEN regexp_full_match(s, pattern) OR s IS NULL THEN s ELSE '?' || s END",
    "CREATE MACRO from_unixtime_nanos(n) AS make_timestamp_ns(n)::TIMESTAMPTZ",
    "CREATE MACRO is_nan(x) AS isnan(x)",
    "CREATE MACRO nan() AS 'nan'::DOUBLE",
    "CREATE MACRO infinity() AS 'inf'::DOUBLE",
    "CREATE MACRO every(x) AS bool_and(x)",
    "CREATE MACRO day_of_month(t) AS day(t)",
    "CREATE MACRO day_of_year(t) AS dayofyear(t)",
    "CREATE MACRO codepoint(s) AS unicode(s)",
    "CREATE MACRO array_position(a, x) AS coalesce(list_position(a, x), 0)",
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
_JAVA_REPLACEMENT = re.compile(r"\\(.)|\$([0-9])|\$|\\")
_ISO_PARTS = {
    "DOW": "ISODOW",
    "DAYOFWEEK": "ISODOW",
    "DAY_OF_WEEK": "ISODOW",
    "YOW": "ISOYEAR",
    "YEAR_OF_WEEK": "ISOYEAR",
}


def mend_function(node: exp.Expr) -> None:
    """Replace a call of Trino's by what means the same to DuckDB. Raises QueryFailedError for what has no equal."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name in _BY_NAME:
        _BY_NAME[name](node, name)
    elif type(node) in _BY_KIND:
        _BY_KIND[type(node)](node)


def _mend_pattern(node: exp.Expr, name: str) -> None:
    value, pattern = node.expressions
    node.replace(_anonymous("STRFTIME", value, _literal_pattern(pattern, name)))


def _mend_parse(node: exp.Expr) -> None:
    parsed = _anonymous("STRPTIME", node.this, _literal_pattern(node.args["format"], "parse_datetime"))
    node.replace(exp.cast(parsed, "TIMESTAMPTZ", dialect="duckdb"))


def _mend_match(node: exp.Expr, name: str) -> None:
    values, test = (one.copy() for one in node.expressions)
    matches = _anonymous("LEN", _anonymous("LIST_FILTER", values, test))
    total: exp.Expr = _anonymous("LEN", values) if name == "all_match" else exp.Literal.number(0)
    node.replace(exp.Paren(this=(exp.GT if name == "any_match" else exp.EQ)(this=matches, expression=total)))


def _mend_millisecond(node: exp.Expr, _name: str) -> None:
    """DuckDB counts the whole seconds too."""
    node.replace(
        exp.Paren(this=exp.Mod(this=_anonymous("MILLISECOND", *node.expressions), expression=exp.Literal.number(1000)))
    )


def _mend_iso(node: exp.Expr, _name: str) -> None:
    """A column's time has six digits, any other three; a date has none."""
    value = node.expressions[0]
    if family_of(value) != "moment":
        raise QueryFailedError(
            "NOT_SUPPORTED", "local Athena knows to_iso8601 only of a date or a time whose type is known"
        )
    if value.is_type("DATE"):
        node.replace(_anonymous("STRFTIME", value, exp.Literal.string("%Y-%m-%d")))
        return
    stored = not isinstance(value, exp.Cast) and next(value.find_all(exp.Column), None) is not None
    zone = "Z" if value.is_type("TIMESTAMPTZ") else ""
    node.replace(
        _anonymous("STRFTIME", value, exp.Literal.string(f"%Y-%m-%dT%H:%M:%S.{'%f' if stored else '%g'}{zone}"))
    )


def _mend_quantile(node: exp.Expr) -> None:
    """Whole numbers have a whole percentile, one of their own; the doubles' may lie between two."""
    if node.args.get("weight") is not None or node.args.get("accuracy") is not None:
        raise QueryFailedError("NOT_SUPPORTED", "local Athena knows approx_percentile(x, percentage) only")
    if digits_of(node.this.type) and node.this.is_type(*exp.DataType.INTEGER_TYPES):
        whole = exp.cast(node.this.copy(), "BIGINT", dialect="duckdb")
        node.replace(_anonymous("QUANTILE_DISC", whole, node.args["quantile"]))


def _mend_scalar(node: exp.Expr) -> None:
    """An object or an array is no scalar: null."""
    kind = _anonymous("JSON_TYPE", node.this, node.expression)
    nested = exp.In(this=kind, expressions=[exp.Literal.string(one) for one in ("OBJECT", "ARRAY")])
    node.replace(exp.Case().when(nested, exp.null()).else_(node.copy()))


def _mend_reverse(node: exp.Expr) -> None:
    if family_of(node.this) == "array":
        node.replace(_anonymous("LIST_REVERSE", node.this))


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
        missing = exp.LT(this=_anonymous("LEN", node.this), expression=exp.Literal.number(int(index.name) + 1))
        failure = _anonymous("ERROR", exp.Literal.string("Array subscript must be less than or equal to array length"))
        node.replace(exp.Case().when(missing, failure).else_(node.copy()))


def _mend_json_length(node: exp.Expr, _name: str) -> None:
    """What is no array has no length."""
    is_array = exp.EQ(this=_anonymous("JSON_TYPE", *node.expressions), expression=exp.Literal.string("ARRAY"))
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


def _mend_difference(node: exp.Expr) -> None:
    """Trino counts whole units, DuckDB's DATE_DIFF the borders between them."""
    node.replace(_anonymous("DATE_SUB", exp.Literal.string(node.text("unit").lower()), node.expression, node.this))


def _mend_extract(node: exp.Expr) -> None:
    """Trino's week begins on Monday, the first day."""
    part = node.name.upper()
    node.set("this", exp.var(_ISO_PARTS.get(part, part)))


def _mend_replacement(node: exp.Expr) -> None:
    """Java's `$1` is RE2's `\\1`."""
    replacement = node.args.get("replacement")
    if replacement is not None and replacement.is_string:
        node.set("replacement", exp.Literal.string(_JAVA_REPLACEMENT.sub(_re2_part, replacement.name)))


def _re2_part(match: re.Match[str]) -> str:
    escaped, group = match.groups()
    if escaped is None and group is None:
        raise QueryFailedError("INVALID_FUNCTION_ARGUMENT", "Illegal replacement sequence: Illegal group reference")
    return f"\\{group}" if group is not None else "\\\\" if escaped == "\\" else str(escaped)


def _mend_regexp_extract(node: exp.Expr) -> None:
    """No match is null, not an empty string."""
    matches = _anonymous("REGEXP_MATCHES", node.this, node.expression)
    node.replace(exp.Case().when(matches, node.copy()))


def _mend_split_part(node: exp.Expr) -> None:
    """A part that is not there is null, not an empty string."""
    parts = _anonymous("LEN", _anonymous("STRING_SPLIT", node.this, node.args["delimiter"]))
    there = exp.LTE(this=node.args["part_index"].copy(), expression=parts)
    node.replace(exp.Case().when(there, node.copy()))


def _mend_format(node: exp.Expr) -> None:
    node.replace(_anonymous("PRINTF", node.this, *node.expressions))


def _mend_row(node: exp.Expr) -> None:
    """Fields without a name are `field0`, `field1`, …"""
    if isinstance(node.parent, exp.Cast) or any(isinstance(one, exp.PropertyEQ) for one in node.expressions):
        return
    fields = [
        exp.PropertyEQ(this=exp.to_identifier(f"field{place}"), expression=one.copy())
        for place, one in enumerate(node.expressions)
    ]
    node.set("expressions", fields)


def _mend_type_name(node: exp.Expr) -> None:
    value = node.this
    if isinstance(value, exp.Column | exp.Literal) and value.type is not None and not value.is_type("UNKNOWN"):
        name = trino_name(value)
    else:
        raise QueryFailedError("NOT_SUPPORTED", "local Athena knows typeof only of a column or a literal")
    node.replace(exp.Literal.string(name))


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


def _literal_pattern(pattern: exp.Expr, name: str) -> exp.Expr:
    if not pattern.is_string:
        raise QueryFailedError("NOT_SUPPORTED", f"local Athena needs a literal pattern in {name}")
    return exp.Literal.string(strftime_pattern(pattern.name))


def _anonymous(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[one.copy() for one in arguments])


_BY_NAME: dict[str, Callable[[exp.Expr, str], None]] = {
    "format_datetime": _mend_pattern,
    "any_match": _mend_match,
    "all_match": _mend_match,
    "none_match": _mend_match,
    "json_array_length": _mend_json_length,
    "millisecond": _mend_millisecond,
    "to_iso8601": _mend_iso,
}
_BY_KIND: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Bracket: _mend_subscript,
    exp.GenerateSeries: _mend_sequence,
    exp.JSONExtractScalar: _mend_scalar,
    exp.ParseDatetime: _mend_parse,
    exp.Reverse: _mend_reverse,
    exp.ApproxQuantile: _mend_quantile,
    exp.DateDiff: _mend_difference,
    exp.Extract: _mend_extract,
    exp.RegexpReplace: _mend_replacement,
    exp.RegexpExtract: _mend_regexp_extract,
    exp.Split: _mend_split,
    exp.SplitPart: _mend_split_part,
    exp.Format: _mend_format,
    exp.Struct: _mend_row,
    exp.Typeof: _mend_type_name,
}
