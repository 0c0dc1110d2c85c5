"""Cron expressions of five fields, checked as the scheduler will read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
# Every leap year's and weekday's February comes within.
_CYCLE_DAYS = 12 * 366
_PART = re.compile(r"(\*|[0-9]+(?:-[0-9]+)?)(?:/([1-9][0-9]*))?")


def cron_problem(expression: str) -> str | None:
    """Say which field is wrong, or None. Numbers, ``*``, ranges, lists and steps are taken; names are not."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return f"{expression!r} has {len(fields)} fields instead of {len(_FIELDS)}"
    for text, (name, least, most) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, least, most) for part in text.split(",")):
            return f"{text!r} is no {name} from {least} to {most}"
    return None


def _is_part(part: str, least: int, most: int) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    if match.group(1) == "*":
        return True
    bounds = [int(bound) for bound in match.group(1).split("-")]
    return least <= bounds[0] <= bounds[-1] <= most


def longest_gap(expression: str) -> timedelta | None:
    """The longest time between two firings of a valid expression; None where it fires on no day of any year."""
    fields = expression.split()
    minutes, hours, days, months, weekdays = (
        _values(text, least, most) for text, (_, least, most) in zip(fields, _FIELDS, strict=True)
    )
    either = fields[2] != "*" and fields[4] != "*"  # two restrictions of the day: one of them is enough
    times = [timedelta(hours=hour, minutes=minute) for hour in sorted(hours) for minute in sorted(minutes)]

    def fires(day: date) -> bool:
        by_day, by_weekday = day.day in days, bool({day.isoweekday(), day.isoweekday() % 7} & weekdays)
        return day.month in months and (by_day or by_weekday if either else by_day and by_weekday)

    firing = [day for day in _calendar() if fires(day)]
    within = [later - earlier for earlier, later in pairwise(times)]
    between = [later - earlier + times[0] - times[-1] for earlier, later in pairwise(firing)]
    return max([*within, *between]) if between else None


def _calendar() -> Iterator[date]:
    first = date(2024, 1, 1)
    return (first + timedelta(days=n) for n in range(_CYCLE_DAYS))


def _values(text: str, least: int, most: int) -> set[int]:
    """The numbers that a field stands for."""
    values: set[int] = set()
    for part in text.split(","):
        bounds, _, step = part.partition("/")
        first, dash, last = bounds.partition("-")
        start = least if bounds == "*" else int(first)
        end = int(last) if dash else most if bounds == "*" or step else start
        values |= set(range(start, end + 1, int(step or 1)))
    return values
