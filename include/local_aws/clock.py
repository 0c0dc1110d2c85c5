"""The local clock: starts at the present or in the past, runs in real time, and only moves forward."""

from __future__ import annotations

import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta


class Clock:
    """Local AWS's time. Monotonic: a step of the machine's clock does not move it."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at `start` (aware), by default the machine's present. Raises ValueError for a naive or future time."""
        present = datetime.now(UTC)
        if start is not None and start.tzinfo is None:
            raise ValueError(f"CLOCK={start.isoformat()} has no offset: write it as 2026-11-24T00:00:00Z")
        if start is not None and start > present:
            raise ValueError(f"CLOCK={start.isoformat()} lies in the future: start at the present or before")
        self._start = (start or present).astimezone(UTC)
        self._origin_s = time.monotonic()
        self._machine_origin = present
        self._steps: list[tuple[datetime, timedelta]] = [(present, self._start - present)]

    def now(self) -> datetime:
        """The local present, aware UTC, microseconds."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin_s)

    def advance(self, seconds: float) -> datetime:
        """Move forward by `seconds` and return the new present. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError(f"the clock only moves forward, not by {seconds} seconds")
        self._start += timedelta(seconds=seconds)
        elapsed = timedelta(seconds=time.monotonic() - self._origin_s)
        self._steps.append((self._machine_origin + elapsed, self._start - self._machine_origin))
        return self.now()

    def local_time_of(self, machine_time: datetime) -> datetime:
        """The local time at a past instant of the machine's clock, to within the two clocks' drift."""
        index = bisect_right(self._steps, machine_time, key=lambda step: step[0]) - 1
        return machine_time + self._steps[max(index, 0)][1]


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant with `Z` or an offset."""
    return datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
