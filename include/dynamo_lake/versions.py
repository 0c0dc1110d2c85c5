"""Versions: as of when a statement about an item holds. Compared lexicographically, the greatest wins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from include.dynamo_lake.windows import floor_second

KIND_EXPORT = 0
KIND_STREAM = 1
SEQUENCE_DIGITS = 40


class Version(NamedTuple):
    """``(at, kind, sequence)``.

    A stream record of second S yields to every statement as of a later instant, and wins over every earlier one.
    """

    at: datetime
    kind: int
    sequence: str


def export_version(at: datetime) -> Version:
    """The version of a full export at ``at``, or of an incremental export whose window ends at ``at``."""
    return Version(at, KIND_EXPORT, "")


def stream_version(approximate_creation: datetime | int | float, sequence_number: str) -> Version:
    """The version of a stream record: its second rounded down, then its sequence number (up to 40 digits)."""
    if not isinstance(approximate_creation, datetime):
        approximate_creation = datetime.fromtimestamp(int(approximate_creation), tz=UTC)
    if not (sequence_number.isascii() and sequence_number.isdigit()) or len(sequence_number) > SEQUENCE_DIGITS:
        raise ValueError(f"{sequence_number!r} is not a stream sequence number (1 to {SEQUENCE_DIGITS} digits)")
    return Version(floor_second(approximate_creation), KIND_STREAM, sequence_number.zfill(SEQUENCE_DIGITS))
