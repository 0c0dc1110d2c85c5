"""Timestamps as text to TIMESTAMP_NTZ, UTC by contract: ISO 8601 or an epoch. Equal to the domain's typing rules."""

from __future__ import annotations

from glue_scripts.transforms.expressions import evaluated_once, literal
from glue_scripts.transforms.numbers import exact_decimal
from include.dynamo_lake.typing_rules import ISO

PLAIN_TIMESTAMP = (
    "(?:19[7-9]|20[0-9]|21[0-9])[0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?Z?"
)
"""What nearly every timestamp looks like: in range, UTC, with seconds. Spark's cast alone reads it right."""

PLAIN_SECONDS = "(?:[0-9]{1,9}|[1-6][0-9]{9})"
"""What nearly every epoch looks like: whole seconds, in range."""

_FIRST = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
_BEYOND = "TIMESTAMP_NTZ'2200-01-01 00:00:00'"
_BEYOND_MICROS = 7_258_118_400_000_000
_MILLISECONDS_FROM = 10**11
_MICROSECONDS_FROM = 10**14


def parse_timestamp(text: str) -> str:
    """An ISO 8601 text or an epoch; null where it is neither, or outside the years 1970 to 2199."""
    either = f"CASE WHEN rlike(time, {literal(ISO)}) THEN {_from_iso('time')} ELSE {_from_epoch('time')} END"
    return f"CASE WHEN {text} IS NOT NULL THEN {evaluated_once(text, 'time', either)} END"


def parse_epoch(text: str) -> str:
    """An epoch alone: seconds below 10^11, milliseconds below 10^14, else microseconds; never rounded."""
    return f"CASE WHEN {text} IS NOT NULL THEN {evaluated_once(text, 'epoch', _from_epoch('epoch'))} END"


def _from_epoch(text: str) -> str:
    scaled = (
        f"CASE WHEN seconds < {_MILLISECONDS_FROM} THEN CAST(seconds * 1000000BD AS DECIMAL(29,6)) "
        f"WHEN seconds < {_MICROSECONDS_FROM} THEN CAST(seconds * 1000BD AS DECIMAL(29,6)) "
        "ELSE CAST(seconds AS DECIMAL(29,6)) END"
    )
    whole = f"CASE WHEN micros >= 0 AND micros < {_BEYOND_MICROS} AND micros = floor(micros) THEN micros END"
    micros = evaluated_once(evaluated_once(exact_decimal(text, 22, 6), "seconds", scaled), "micros", whole)
    return f"CAST(timestamp_micros(CAST({micros} AS BIGINT)) AS TIMESTAMP_NTZ)"


def _from_iso(text: str) -> str:
    """``text`` matches ``ISO``: the date takes ten characters, so a ``-`` behind them is an offset's sign."""
    sign_at = f"greatest(instr(substr({text}, 11), '+'), instr(substr({text}, 11), '-'))"
    parts = (
        f"named_struct('local', if({sign_at} > 0, left({text}, 9 + {sign_at}), {text}), "
        f"'sign', if({sign_at} > 0, substr({text}, 10 + {sign_at}, 1), ''), "
        f"'digits', replace(substr({text}, 11 + {sign_at}), ':', ''))"
    )
    local = "try_cast(left(iso.local, 10) || translate(substr(iso.local, 11), 't ,Zz', 'TT.') AS TIMESTAMP_NTZ)"
    hours = "try_cast(left(iso.digits, 2) AS INT)"
    minutes = "coalesce(try_cast(nullif(substr(iso.digits, 3, 2), '') AS INT), 0)"
    offset = f"make_dt_interval(0, {hours}, {minutes}, 0)"
    instant = f"CASE iso.sign WHEN '+' THEN {local} - {offset} WHEN '-' THEN {local} + {offset} ELSE {local} END"
    in_range = f"CASE WHEN instant >= {_FIRST} AND instant < {_BEYOND} THEN instant END"
    return evaluated_once(evaluated_once(parts, "iso", instant), "instant", in_range)
