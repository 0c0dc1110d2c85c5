"""Timestamps as text: ISO 8601 or an epoch, to a naive datetime that is UTC by contract.

ISO 8601, extended format: a date alone (midnight), or date and time with ``T``, ``t`` or one space between them;
``HH:MM`` or ``HH:MM:SS``; one to six digits of a fraction after ``.`` or ``,``; then ``Z``, ``z``, ``+07:00``,
``+0700``, ``+07`` (up to 23:59 either way) or nothing, which is UTC. Refused: 24:00, a leap second (:60), seven and
more digits of a fraction, basic format (20261124T020000Z), week and ordinal dates, blanks around it, days that do not
exist.

Epoch: any decimal literal, judged by its value (``1.7E9`` is 1700000000): seconds below 10^11, milliseconds below
10^14, else microseconds; a fraction is exact down to microseconds, finer is refused. The instant's year in UTC lies
in 1970 to 2199, so negative epochs are refused.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from include.dynamo_lake.typing_rules.numbers import Number, parse_number
from include.dynamo_lake.typing_rules.patterns import ISO

FIRST_YEAR = 1970
LAST_YEAR = 2199
MILLISECONDS_FROM = 10**11
MICROSECONDS_FROM = 10**14

_ISO = re.compile(ISO)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC is the contract of the lake's timestamps
_MICROSECOND_DIGITS = 6
_EPOCH_DIGITS = 16
"""Integer digits that any epoch up to the year 2199 has at most, in microseconds."""


def parse_timestamp(text: str) -> datetime | None:
    """Read an ISO 8601 text or an epoch (naive datetime, UTC); None where it is neither, or outside 1970-2199."""
    number = parse_number(text)
    instant = _from_epoch(number) if number else _from_iso(text)
    return instant if instant is not None and FIRST_YEAR <= instant.year <= LAST_YEAR else None


def parse_epoch(text: str) -> datetime | None:
    """Read an epoch alone, as a DynamoDB number holds it."""
    return parse_timestamp(text) if parse_number(text) else None


def _from_epoch(number: Number) -> datetime | None:
    if number.is_negative or not number.fits(_EPOCH_DIGITS + _MICROSECOND_DIGITS, _MICROSECOND_DIGITS):
        return None
    millionths = int(number.digits or "0") * 10 ** (number.exponent + _MICROSECOND_DIGITS)
    value = millionths // 10**_MICROSECOND_DIGITS
    divisor = 1 if value < MILLISECONDS_FROM else 10**3 if value < MICROSECONDS_FROM else 10**6
    micros, finer = divmod(millionths, divisor)
    return None if finer else _after_epoch(timedelta(microseconds=micros))


def _from_iso(text: str) -> datetime | None:
    match = _ISO.match(text)
    if match is None:
        return None
    date, minutes, seconds, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        time = f"{minutes or '00:00'}:{seconds or '00'}.{(fraction or '').ljust(6, '0')}"
        local = datetime.fromisoformat(f"{date}T{time}")
        offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def _after_epoch(elapsed: timedelta) -> datetime | None:
    try:
        return _EPOCH + elapsed
    except OverflowError:
        return None
