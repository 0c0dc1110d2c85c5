"""Times in a zone, and sums with intervals: where DuckDB answers another type than Trino.

DuckDB's zoned time keeps no zone: it is an instant, printed in UTC. So a time in any other zone is computed here as the
local time, and only where nothing but the local time is asked for.
"""

from __future__ import annotations

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError

_LOCAL_PARTS = (
    exp.Date, exp.Extract, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second, exp.Quarter, exp.Week,
    exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfMonth, exp.DayOfYear, exp.YearOfWeek, exp.TimeToStr,
)  # fmt: skip
_LOCAL_NAMES = {
    "format_datetime",
    "hour",
    "minute",
    "second",
    "millisecond",
    "day_of_month",
    "day_of_year",
    "year_of_week",
}
_DAY_UNITS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}


def zone_call(node: exp.Expr) -> exp.AtTimeZone | None:
    """`at_timezone` and `with_timezone` as AT TIME ZONE; None for anything else."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if name not in ("at_timezone", "with_timezone") or len(node.expressions) != 2:
        return None
    value, zone = (one.copy() for one in node.expressions)
    if name == "with_timezone" and not _is_utc(zone):
        raise QueryFailedError("NOT_SUPPORTED", "local Athena makes zoned times only in UTC")
    return exp.AtTimeZone(this=value, zone=zone)


def mend_zone(node: exp.AtTimeZone) -> None:
    """Turn a time (without a zone: UTC) into the local time of a zone, or into the instant for UTC.

    Raises QueryFailedError where the zoned time itself would be the answer.
    """
    instant = exp.cast(node.this.copy(), "TIMESTAMPTZ", dialect="duckdb")
    zone = node.args["zone"]
    if _is_utc(zone):
        node.replace(instant)
        return
    if not _wants_local(node):
        raise QueryFailedError(
            "NOT_SUPPORTED",
            "local Athena gives zoned times only in UTC: take the local time by CAST(… AT TIME ZONE … AS timestamp), "
            "date(…) or a part of it",
        )
    node.replace(exp.Anonymous(this="TIMEZONE", expressions=[zone.copy(), instant]))


def keeps_day(node: exp.Expr) -> bool:
    """Whether a date moved by whole days, months or years stays a date, as in Trino."""
    if not isinstance(node, exp.Add | exp.Sub | exp.DateAdd | exp.DateSub) or not node.this.is_type("DATE"):
        return False
    amount = node.expression
    unit = node.args.get("unit") or (amount.args.get("unit") if isinstance(amount, exp.Interval) else None)
    return unit is not None and unit.name.upper().rstrip("S") in _DAY_UNITS


def is_day_difference(node: exp.Expr) -> bool:
    """Whether two dates are subtracted: an interval in Trino, a number in DuckDB."""
    return isinstance(node, exp.Sub) and node.this.is_type("DATE") and node.expression.is_type("DATE")


def _is_utc(zone: exp.Expr) -> bool:
    return bool(zone.is_string) and zone.name.upper() in ("UTC", "Z", "+00:00", "GMT")


def _wants_local(node: exp.Expr) -> bool:
    outer = node.parent
    if isinstance(outer, exp.TimestampTrunc | exp.DateTrunc | exp.Paren):
        return _wants_local(outer)
    if isinstance(outer, exp.Cast):
        return outer.to.this in (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP)
    return isinstance(outer, _LOCAL_PARTS) or (isinstance(outer, exp.Anonymous) and outer.name.lower() in _LOCAL_NAMES)
