"""What maintenance may take away, and when it is due: pure rules over what an Iceberg table's history says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.dynamo_lake.windows import format_instant, parse_instant

# Nobody goes back in mirrors and quarantine: their past is kept for the checks of runs that are under way.
WORKING_HISTORY = timedelta(days=1)
# A file younger than this may belong to a commit that is under way.
ORPHAN_AGE = timedelta(days=1)

PROPERTY_MAINTAINED_AT = "lake.maintained_at"
PROPERTY_MAINTAINED_RUN = "lake.maintained_run"
PROPERTY_MAINTENANCE_DUE = "lake.maintenance_due"

_METADATA_FILE = re.compile(r"([0-9]+)-[0-9a-f-]{36}\.metadata\.json")
_WRITTEN_BY_ICEBERG = (".parquet", ".avro")


@dataclass(frozen=True)
class SnapshotTime:
    """A snapshot and the instant of its commit."""

    snapshot_id: int
    at: datetime


@dataclass(frozen=True)
class StoredFile:
    """An object below a table's location: its key and the instant that it was written."""

    key: str
    written_at: datetime


@dataclass(frozen=True)
class Maintenance:
    """The last maintenance, as the target's properties tell it.

    ``run``: the greatest mark that the tables had. ``due_at``: when there is something to take away even if nothing is
    merged until then; None where there never is.
    """

    at: datetime
    run: int
    due_at: datetime | None

    @staticmethod
    def from_properties(properties: Mapping[str, str]) -> Maintenance | None:
        """Read it; None before the first merge."""
        if PROPERTY_MAINTAINED_AT not in properties:
            return None
        due_at = properties.get(PROPERTY_MAINTENANCE_DUE)
        return Maintenance(
            parse_instant(properties[PROPERTY_MAINTAINED_AT]),
            int(properties[PROPERTY_MAINTAINED_RUN]),
            parse_instant(due_at) if due_at else None,
        )

    def to_properties(self) -> dict[str, str]:
        return {
            PROPERTY_MAINTAINED_AT: format_instant(self.at),
            PROPERTY_MAINTAINED_RUN: str(self.run),
            PROPERTY_MAINTENANCE_DUE: format_instant(self.due_at) if self.due_at else "",
        }

    def comes_with(self, now: datetime) -> bool:
        """Whether a merge of this instant maintains the tables too: the first one of a UTC day does."""
        return now.date() > self.at.date() or self._has_work(now)

    def is_due(self, now: datetime, newest_run: int) -> bool:
        """Whether a maintenance is needed although nothing is to be merged."""
        return self._has_work(now) or (newest_run > self.run and self.comes_with(now))

    def _has_work(self, now: datetime) -> bool:
        return self.due_at is not None and now >= self.due_at


def count_kept(history: Sequence[SnapshotTime], *, now: datetime, keep: timedelta, published: int | None) -> int:
    """How many snapshots of a history, newest first, are kept.

    A snapshot stays until ``keep`` after the next one took its place; ``published`` (None: no such bound) and all after
    it stay whatever their age, and where it is not in the history everything does.
    """
    if published is None:
        first = 1
    else:
        ids = [snapshot.snapshot_id for snapshot in history]
        first = ids.index(published) + 1 if published in ids else len(ids)
    for count in range(first, len(history)):
        if history[count - 1].at <= now - keep:
            return count
    return len(history)


def next_expiry(kept: Sequence[SnapshotTime], keep: timedelta) -> datetime | None:
    """When the oldest kept snapshot may go; None where only the newest is left."""
    return kept[-2].at + keep if len(kept) > 1 else None


def metadata_version(location: str) -> int | None:
    """The number in a metadata file's name, which grows by one per commit; None for a name of another form."""
    found = _METADATA_FILE.fullmatch(location.rpartition("/")[2])
    return int(found[1]) if found else None


def orphaned_keys(
    files: Iterable[StoredFile], referenced: Iterable[str], *, now: datetime, keep: timedelta, oldest_metadata: int
) -> list[str]:
    """Keys of the files that no snapshot refers to, and of metadata files that nobody reads any more.

    ``referenced``: keys of data files, manifests and manifest lists. ``oldest_metadata``: version of the metadata file
    that readers point to: it and all after it stay; older ones stay as long as snapshots do (``keep``).
    """
    spared = set(referenced)
    return [
        file.key
        for file in files
        if file.key not in spared and _is_orphan(file, now - ORPHAN_AGE, now - keep, oldest_metadata)
    ]


def _is_orphan(file: StoredFile, aged: datetime, outdated: datetime, oldest_metadata: int) -> bool:
    version = metadata_version(file.key)
    if version is not None:
        return version < oldest_metadata and file.written_at < min(aged, outdated)
    return file.key.endswith(_WRITTEN_BY_ICEBERG) and file.written_at < aged
