"""A table's history: when each snapshot was committed, which are kept, and what their files are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from glue_scripts.commits.tables import LakeTable
from glue_scripts.transforms.expressions import union_all
from include.dynamo_lake.names import SUMMARY_AT
from include.dynamo_lake.retention import SnapshotTime, count_kept
from include.dynamo_lake.windows import parse_instant


@dataclass(frozen=True)
class Retention:
    """How long a table's past is kept, and from which snapshot on it is kept whatever its age (None: from none)."""

    keep: timedelta
    published: int | None = None


def expire_snapshots(table: LakeTable, retention: Retention, now: datetime) -> list[SnapshotTime]:
    """Drop the snapshots that are no longer kept, with the files that only they need; return those that stay, newest first."""
    java = table.java
    history = [_time_of(snapshot) for snapshot in _ancestry(java)]
    count = count_kept(history, now=now, keep=retention.keep, published=retention.published)
    if count < len(history):
        # By id and by no age: then Iceberg deletes every file that no kept snapshot reaches. By age alone it keeps the
        # files that the oldest kept snapshot replaced.
        expiry = java.expireSnapshots().expireOlderThan(0)
        for snapshot in history[count:]:
            expiry = expiry.expireSnapshotId(snapshot.snapshot_id)
        expiry.commit()
    return history[:count]


def referenced_files(table: LakeTable) -> list[str]:
    """Locations of all files that any snapshot refers to; metadata files aside."""
    columns = {"all_files": "file_path", "all_manifests": "path", "snapshots": "manifest_list"}
    frames = [table.metadata_rows(name).selectExpr(f"{column} AS path") for name, column in columns.items()]
    return [row["path"] for row in union_all(frames).distinct().collect()]


def _ancestry(java: Any) -> Iterator[Any]:
    snapshot = java.currentSnapshot()
    while snapshot:
        yield snapshot
        parent = snapshot.parentId()
        snapshot = java.snapshot(parent) if parent is not None else None


def _time_of(snapshot: Any) -> SnapshotTime:
    """The instant of the run that made the snapshot; of the commit itself where somebody else did."""
    at = snapshot.summary().get(SUMMARY_AT)
    committed_at = datetime.fromtimestamp(snapshot.timestampMillis() / 1000, UTC)
    return SnapshotTime(int(snapshot.snapshotId()), parse_instant(at) if at else committed_at)
