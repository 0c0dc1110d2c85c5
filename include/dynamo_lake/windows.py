"""Instants and windows: aware UTC, whole seconds, half-open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MIN_WINDOW = timedelta(minutes=15)
MAX_WINDOW = timedelta(hours=24)


def format_instant(instant: datetime) -> str:
    """Write an instant as ``2026-11-24T02:00:00Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact_instant(instant: datetime) -> str:
    """Write an instant as ``20261124T020000Z``, for names of objects and batches."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


_EXAMPLE = "2026-11-24T02:00:00Z"


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant with ``Z`` or an offset; raise ``ValueError`` for a naive one or a fraction of a second."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no ISO 8601 instant: write it like {_EXAMPLE}") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write it with Z or an offset, for example {_EXAMPLE}")
    if instant.microsecond:
        raise ValueError(f"{text!r} has a fraction of a second: instants are whole seconds")
    return instant.astimezone(UTC)


def floor_second(instant: datetime) -> datetime:
    """Round an instant down to its whole second."""
    return instant.astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span ``[start, end)`` of aware UTC instants in whole seconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, instant in (("start", self.start), ("end", self.end)):
            if instant.tzinfo is None or instant.utcoffset() != timedelta(0):
                raise ValueError(f"window {name} {instant!r} is not aware UTC")
            if instant.microsecond:
                raise ValueError(f"window {name} {instant!r} is not a whole second")
        if self.start >= self.end:
            raise ValueError(
                f"window start {format_instant(self.start)} is not before its end {format_instant(self.end)}"
            )

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"[{format_instant(self.start)}, {format_instant(self.end)})"


def pieces(start: datetime, end: datetime) -> Iterator[Window]:
    """Split ``[start, end)`` into adjoining windows that DynamoDB can export: each from 15 minutes to 24 hours long.

    A rest shorter than 15 minutes is left over for a later run.
    """
    cursor = start
    while end - cursor >= MIN_WINDOW:
        window = Window(cursor, min(end, cursor + MAX_WINDOW))
        yield window
        cursor = window.end
