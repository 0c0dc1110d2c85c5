"""Functions of Trino that DuckDB lacks, names otherwise, or answers differently under the same name."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from include.local_aws.athena import nested
from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.nested import call
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
    node.replace(call("STRFTIME", value, _literal_pattern(pattern, name)))


def _mend_parse(node: exp.Expr) -> None:
    parsed = call("STRPTIME", node.this, _literal_pattern(node.args["format"], "parse_datetime"))
    node.replace(exp.cast(parsed, "TIMESTAMPTZ", dialect="duckdb"))


def _mend_millisecond(node: exp.Expr, _name: str) -> None:
    """DuckDB counts the whole seconds too."""
    node.replace(
        exp.Paren(this=exp.Mod(this=call("MILLISECOND", *node.expressions), expression=exp.Literal.number(1000)))
    )


def _mend_iso(node: exp.Expr, _name: str) -> None:
    value = node.expressions[0]
    if family_of(value) != "moment":
        raise QueryFailedError(
            "NOT_SUPPORTED", "local Athena knows to_iso8601 only of a date or a time whose type is known"
        )
    if value.is_type("DATE"):
        node.replace(call("STRFTIME", value, exp.Literal.string("%Y-%m-%d")))
        return
    zone = "Z" if value.is_type("TIMESTAMPTZ") else ""
    node.replace(call("STRFTIME", value, time_pattern(value, "%Y-%m-%dT", zone)))


def time_pattern(value: exp.Expr, day: str, zone: str) -> exp.Expr:
    """How a moment prints: a column's with six digits, any other with three."""
    stored = not isinstance(value, exp.Cast) and next(value.find_all(exp.Column), None) is not None
    return exp.Literal.string(f"{day}%H:%M:%S.{'%f' if stored else '%g'}{zone}")


def _mend_substring(node: exp.Expr) -> None:
    """Trino counts from 1, and has nothing at 0."""
    start = node.args["start"]
    if not start.is_int or start.name == "0":
        nowhere = exp.EQ(this=start.copy(), expression=exp.Literal.number(0))
        node.replace(exp.Case().when(nowhere, exp.Literal.string("")).else_(node.copy()))


def _mend_quantile(node: exp.Expr) -> None:
    """Whole numbers have a whole percentile, one of their own; the doubles' may lie between two."""
    if node.args.get("weight") is not None or node.args.get("accuracy") is not None:
        raise QueryFailedError("NOT_SUPPORTED", "local Athena knows approx_percentile(x, percentage) only")
    if digits_of(node.this.type) and node.this.is_type(*exp.DataType.INTEGER_TYPES):
        whole = exp.cast(node.this.copy(), "BIGINT", dialect="duckdb")
        node.replace(call("QUANTILE_DISC", whole, node.args["quantile"]))


def _mend_difference(node: exp.Expr) -> None:
    """Trino counts whole units, DuckDB's DATE_DIFF the borders between them."""
    node.replace(call("DATE_SUB", exp.Literal.string(node.text("unit").lower()), node.expression, node.this))


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
    matches = call("REGEXP_MATCHES", node.this, node.expression)
    node.replace(exp.Case().when(matches, node.copy()))


def _mend_split_part(node: exp.Expr) -> None:
    """A part that is not there is null, not an empty string."""
    parts = call("LEN", call("STRING_SPLIT", node.this, node.args["delimiter"]))
    there = exp.LTE(this=node.args["part_index"].copy(), expression=parts)
    node.replace(exp.Case().when(there, node.copy()))


def _mend_format(node: exp.Expr) -> None:
    node.replace(call("PRINTF", node.this, *node.expressions))


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


_BY_NAME: dict[str, Callable[[exp.Expr, str], None]] = {
    **nested.BY_NAME,
    "format_datetime": _mend_pattern,
    "millisecond": _mend_millisecond,
    "to_iso8601": _mend_iso,
}
_BY_KIND: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    **nested.BY_KIND,
    exp.ParseDatetime: _mend_parse,
    exp.ApproxQuantile: _mend_quantile,
    exp.DateDiff: _mend_difference,
    exp.Extract: _mend_extract,
    exp.RegexpReplace: _mend_replacement,
    exp.RegexpExtract: _mend_regexp_extract,
    exp.Substring: _mend_substring,
    exp.SplitPart: _mend_split_part,
    exp.Format: _mend_format,
    exp.Typeof: _mend_type_name,
}
