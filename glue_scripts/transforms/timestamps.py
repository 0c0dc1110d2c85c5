"""Timestamps as text to TIMESTAMP_NTZ, UTC by contract: ISO 8601 or an epoch. Equal to the domain's typing rules."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from glue_scripts.transforms.numbers import exact_decimal
from glue_scripts.transforms.raw_values import evaluated_once
from include.dynamo_lake.typing_rules import ISO

_USUAL = (
    "(?s)^(?:19[7-9]|20[0-9]|21[0-9])[0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?Z?(?!.)"
)
"""What nearly every timestamp looks like: in range, UTC, with seconds. Spark's cast alone reads it right."""

_FIRST = "1970-01-01 00:00:00"
_BEYOND = "2200-01-01 00:00:00"
_BEYOND_MICROS = 7_258_118_400_000_000
_MILLISECONDS_FROM = 10**11
_MICROSECONDS_FROM = 10**14


def parse_timestamp(text: Column) -> Column:
    """An ISO 8601 text or an epoch; null where it is neither, or outside the years 1970 to 2199."""
    odd = evaluated_once(text, lambda t: F.when(F.rlike(t, F.lit(ISO)), _from_iso(t)).otherwise(_from_epoch(t)))
    return F.when(F.rlike(text, F.lit(_USUAL)), text.try_cast("timestamp_ntz")).when(text.isNotNull(), odd)


def parse_epoch(text: Column) -> Column:
    """An epoch alone: seconds below 10^11, milliseconds below 10^14, else microseconds; never rounded."""
    return F.when(text.isNotNull(), evaluated_once(text, _from_epoch))


def _from_epoch(text: Column) -> Column:
    return evaluated_once(exact_decimal(text, 22, 6), _from_seconds)


def _from_seconds(value: Column) -> Column:
    scaled = (
        F.when(value < _MILLISECONDS_FROM, value * F.lit(1_000_000).cast("decimal(7,0)"))
        .when(value < _MICROSECONDS_FROM, value * F.lit(1_000).cast("decimal(4,0)"))
        .otherwise(value.cast("decimal(29,6)"))
    )
    return F.when(value >= 0, evaluated_once(scaled, _from_micros))


def _from_micros(micros: Column) -> Column:
    whole = F.when((micros < _BEYOND_MICROS) & (micros == F.floor(micros)), micros).cast("bigint")
    return F.timestamp_micros(whole).cast("timestamp_ntz")


def _from_iso(text: Column) -> Column:
    """``text`` matches ``ISO``: the date takes ten characters, so a ``-`` behind them is an offset's sign."""
    date, tail = F.left(text, F.lit(10)), F.substr(text, F.lit(11))
    sign_at = F.greatest(F.instr(tail, "+"), F.instr(tail, "-"))
    time = F.when(sign_at > 0, F.left(tail, sign_at - 1)).otherwise(tail)
    local = F.concat(date, F.translate(time, "t ,Zz", "TT.")).try_cast("timestamp_ntz")
    digits = F.replace(F.substr(tail, sign_at + 1), F.lit(":"), F.lit(""))
    hours = F.left(digits, F.lit(2)).try_cast("int")
    minutes = F.coalesce(F.substr(digits, F.lit(3), F.lit(2)).try_cast("int"), F.lit(0))
    behind = F.when(F.substr(tail, sign_at, F.lit(1)) == "-", F.lit(1)).otherwise(F.lit(-1))
    offset = F.make_dt_interval(hours=hours * behind, mins=minutes * behind)
    instant = F.when(sign_at > 0, local + offset).otherwise(local)
    first, beyond = F.lit(_FIRST).cast("timestamp_ntz"), F.lit(_BEYOND).cast("timestamp_ntz")
    return F.when((instant >= first) & (instant < beyond), instant)
