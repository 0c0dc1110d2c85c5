"""Athena's types and the way it prints values."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

Format = Callable[[Any], str]

_VARCHAR_LENGTH = 2147483647


@dataclass(frozen=True)
class Column:
    """One column of a result: Athena's type name, precision and scale."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    def as_aws(self) -> dict[str, Any]:
        """The column as ColumnInfo."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type in ("varchar", "char"),
        }


def column_of(name: str, kind: pa.DataType) -> Column:
    """Describe a result column of an Arrow type; HUGEINT sums arrive as decimal(38,0) and are bigint in Athena."""
    if pa.types.is_decimal(kind):
        return Column(name, "decimal", kind.precision, kind.scale)
    type_name, precision = _described(kind)
    return Column(name, type_name, precision, 3 if type_name.startswith("timestamp") else 0)


def formatter(kind: pa.DataType, *, millis: bool) -> Format:
    """The function that prints one non-null value of an Arrow type; `millis` asks for 3 instead of 6 digits of a time."""
    if pa.types.is_timestamp(kind):
        return _timestamp_format("milliseconds" if millis else "microseconds", zoned=kind.tz is not None)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda value: " ".join(f"{byte:02x}" for byte in value)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return str
    return _nested


def _described(kind: pa.DataType) -> tuple[str, int]:
    checks: list[tuple[Callable[[pa.DataType], bool], str, int]] = [
        (pa.types.is_boolean, "boolean", 0),
        (pa.types.is_int8, "tinyint", 3),
        (pa.types.is_int16, "smallint", 5),
        (pa.types.is_int32, "integer", 10),
        (pa.types.is_integer, "bigint", 19),
        (pa.types.is_float32, "float", 17),
        (pa.types.is_floating, "double", 17),
        (pa.types.is_date, "date", 0),
        (pa.types.is_time, "time", 3),
        (pa.types.is_interval, "interval day to second", 3),
        (lambda one: pa.types.is_timestamp(one) and one.tz is not None, "timestamp with time zone", 3),
        (pa.types.is_timestamp, "timestamp", 3),
        (pa.types.is_map, "map", 0),
        (pa.types.is_struct, "row", 0),
        (pa.types.is_nested, "array", 0),
        (lambda one: pa.types.is_binary(one) or pa.types.is_large_binary(one), "varbinary", 1073741824),
    ]
    return next(((name, precision) for check, name, precision in checks if check(kind)), ("varchar", _VARCHAR_LENGTH))


def _timestamp_format(timespec: str, *, zoned: bool) -> Format:
    suffix = " UTC" if zoned else ""
    return lambda value: value.replace(tzinfo=None).isoformat(sep=" ", timespec=timespec) + suffix


def _double(value: float) -> str:
    """Print as Java's Double.toString, which Trino uses."""
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value) if "e" not in repr(value) else format(value, "f")
    digits, exponent = f"{Decimal(repr(value)):E}".split("E")
    mantissa = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _interval(value: pa.MonthDayNano) -> str:
    """Print months as `1-2`, any other interval as `3 04:05:06.789`."""
    if value.months:
        years, months = divmod(abs(value.months), 12)
        return f"{'-' if value.months < 0 else ''}{years}-{months}"
    millis = value.days * 86_400_000 + value.nanoseconds // 1_000_000
    days, rest = divmod(abs(millis), 86_400_000)
    seconds, rest = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
    return f"{'-' if millis < 0 else ''}{days} {clock}"


def _nested(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_nested(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list) and value and all(isinstance(one, tuple) for one in value):
        return "{" + ", ".join(f"{_nested(key)}={_nested(one)}" for key, one in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_nested(one) for one in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds") + (" UTC" if value.tzinfo else "")
    if isinstance(value, date | time):
        return value.isoformat()
    prints = (form for kind, form in _PRINTED if isinstance(value, kind))
    return next(prints, str)(value)


_PRINTED: tuple[tuple[type, Format], ...] = (
    (Decimal, lambda value: format(value, "f")),
    (float, _double),
    (pa.MonthDayNano, _interval),
    (bytes, lambda value: base64.b64encode(value).decode()),
)
