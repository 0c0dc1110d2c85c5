"""Cron expressions of five fields, checked as the scheduler will read them."""

from __future__ import annotations

import re

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
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
