"""The change log behind exports: every item change of every table, with its local time.

A write's time in microseconds is its row id, so the log is ordered by time and a window is one range. Images are
compact JSON on disk; memory does not grow with the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000


def micros(instant: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (instant - EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class ItemChange:
    """The net change of one item in a window. `new` None: deleted; `old` None: there was none at the window's start."""

    written_us: int
    old: bytes | None
    new: bytes | None


class ChangeLog:
    """Append-only log in one SQLite file. One writer (the event loop); readers open connections of their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_us = 0
        self._tables: dict[str, int] = {}
        self._writer = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-65536", "wal_autocheckpoint=20000"):
            self._writer.execute(f"PRAGMA {pragma}")
        self._writer.execute(
            "CREATE TABLE change (at_us INTEGER PRIMARY KEY, table_no INTEGER NOT NULL, digest BLOB NOT NULL, image BLOB)"
        )
        self._writer.execute("CREATE INDEX by_key ON change (table_no, digest)")
        self._writer.execute("BEGIN")

    def record(self, table_id: str, changes: Sequence[tuple[bytes, bytes | None]], now: datetime) -> list[int | None]:
        """Append the changes of one request and return their times, None where the item is what it was.

        Times grow strictly; those of one request never straddle a whole second, so no window cuts a transaction.
        """
        table_no = self._table_no(table_id)
        stamp = max(self._last_us + 1, micros(now))
        if stamp // _SECOND_US != (stamp + len(changes) - 1) // _SECOND_US:
            stamp = (stamp // _SECOND_US + 1) * _SECOND_US
        times: list[int | None] = []
        for digest, image in changes:
            if self._latest(table_no, digest) == image:
                times.append(None)
                continue
            self._writer.execute("INSERT INTO change VALUES (?, ?, ?, ?)", (stamp, table_no, digest, image))
            self._last_us = stamp
            times.append(stamp)
            stamp += 1
        return times

    def _latest(self, table_no: int, digest: bytes) -> bytes | None:
        row = self._writer.execute(
            "SELECT image FROM change WHERE table_no = ? AND digest = ? ORDER BY at_us DESC LIMIT 1", (table_no, digest)
        ).fetchone()
        return row[0] if row else None

    def _table_no(self, table_id: str) -> int:
        return self._tables.setdefault(table_id, len(self._tables))

    def reader(self, table_id: str) -> LogReader:
        """A consistent reader of everything recorded so far, for use in another thread."""
        self._writer.execute("COMMIT")
        self._writer.execute("BEGIN")
        return LogReader(self.path, self._table_no(table_id))


class LogReader:
    """Reads one table's changes. Open and close it in the thread that uses it."""

    def __init__(self, path: Path, table_no: int) -> None:
        self._path = path
        self._table_no = table_no

    def state_before(self, instant: datetime) -> Iterator[bytes]:
        """Images of the items that exist after every write before `instant`."""
        connection = self._connect()
        try:
            rows = connection.execute(
                "SELECT max(at_us), image FROM change WHERE table_no = ? AND at_us < ? GROUP BY digest",
                (self._table_no, micros(instant)),
            )
            for _, image in rows:
                if image is not None:
                    yield image
        finally:
            connection.close()

    def changes_between(self, start: datetime, end: datetime) -> Iterator[ItemChange]:
        """Net changes of the window `[start, end)`, one per item; inserted and deleted within it: absent."""
        connection = self._connect()
        try:
            rows = connection.execute(
                "SELECT digest, max(at_us), image FROM change WHERE at_us >= ? AND at_us < ? AND table_no = ?"
                " GROUP BY digest",
                (micros(start), micros(end), self._table_no),
            )
            for digest, written_us, new in rows:
                old = self._image_before(connection, digest, micros(start))
                if old is not None or new is not None:
                    yield ItemChange(written_us, old, new)
        finally:
            connection.close()

    def _image_before(self, connection: sqlite3.Connection, digest: bytes, start_us: int) -> bytes | None:
        row = connection.execute(
            "SELECT image FROM change WHERE table_no = ? AND digest = ? AND at_us < ? ORDER BY at_us DESC LIMIT 1",
            (self._table_no, digest, start_us),
        ).fetchone()
        return row[0] if row else None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
