"""Maintenance: the first merge of a UTC day compacts the tables, expires snapshots and removes orphaned files.

Each step is a commit of its own, or deletes what no snapshot refers to: a crash between any two leaves tables that read
the same, and the next merge starts over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from glue_scripts.commits.tables import LakeTable
from glue_scripts.maintenance.compaction import compact
from glue_scripts.maintenance.history import Retention, expire_snapshots, referenced_files
from glue_scripts.merging.context import Merge
from glue_scripts.storage.objects import MissingObjectError, ObjectStore
from include.dynamo_lake.coverage import TOMBSTONES_KEPT
from include.dynamo_lake.names import PUBLISHED_KEY, SUMMARY_AT
from include.dynamo_lake.published import Published
from include.dynamo_lake.retention import (
    WORKING_HISTORY,
    Maintenance,
    metadata_version,
    next_expiry,
    orphaned_keys,
)
from include.dynamo_lake.windows import format_instant

_NO_SNAPSHOT = 0
_RETRY_AFTER = timedelta(days=1)


def maintain_if_due(merge: Merge, store: ObjectStore, wait_for_crawler: Callable[[], None]) -> None:
    """Maintain the tables where this merge is the day's first; the lake's first merge only begins to count."""
    if merge.last_maintenance is None:
        _remember(merge, None)
    elif merge.maintains:
        with merge.progress.phase("maintain"):
            wait_for_crawler()
            _remember(merge, _maintain(merge, store))


def _remember(merge: Merge, due_at: datetime | None) -> None:
    newest_run = max(table.marks().run for table in merge.lake.tables.values())
    last = Maintenance(merge.manifest.now, newest_run, due_at)
    merge.lake.target.set_properties(last.to_properties())


def _maintain(merge: Merge, store: ObjectStore) -> datetime | None:
    """Maintain every table; return when there is something to take away again even if nothing is merged until then."""
    now, published = merge.manifest.now, _read_published(store)
    dues: list[datetime] = []
    for name, table in merge.lake.tables.items():
        retention = _retention(merge, table, published)
        merge.before_commit(f"compact:{name}")
        compact(table, {**table.carried_marks(), SUMMARY_AT: format_instant(now)})
        merge.before_commit(f"expire:{name}")
        kept = expire_snapshots(table, retention, now)
        merge.before_commit(f"orphans:{name}")
        _remove_orphans(table, store, retention, published, now)
        expiry = next_expiry(kept, retention.keep)
        dues += [expiry] if expiry else []
        dues += [kept[0].at + TOMBSTONES_KEPT] if _has_tombstones(merge, table) else []
    return max(min(dues), now + _RETRY_AFTER) if dues else None


def _retention(merge: Merge, table: LakeTable, published: Published | None) -> Retention:
    if table.name != merge.lake.target.name:
        return Retention(WORKING_HISTORY)
    keep = timedelta(days=merge.lake.pipeline.retention.time_travel_days)
    return Retention(keep, published.snapshot_id if published else _NO_SNAPSHOT)


def _remove_orphans(
    table: LakeTable, store: ObjectStore, retention: Retention, published: Published | None, now: datetime
) -> None:
    """Delete what lies below the table's location and belongs to nobody.

    A target whose readers still see another table, or none, is left alone: what they read may lie at the same place.
    """
    read_from = table.metadata_location()
    if retention.published is not None:
        if published is None or published.table_uuid != table.uuid():
            return
        read_from = published.metadata_location
    referenced = [store.key_of(path) for path in referenced_files(table)]
    files = store.files(f"{store.key_of(table.base_location()).rstrip('/')}/")
    oldest = metadata_version(read_from) or 0
    store.delete(orphaned_keys(files, referenced, now=now, keep=retention.keep, oldest_metadata=oldest))


def _has_tombstones(merge: Merge, table: LakeTable) -> bool:
    """Whether a mirror keeps any deletion, out of its files' statistics."""
    if all(table.name != merge.lake.mirror(source.id).name for source in merge.lake.pipeline.sources):
        return False
    return bool(table.metadata_rows("files").where("readable_metrics.image.null_value_count > 0").take(1))


def _read_published(store: ObjectStore) -> Published | None:
    try:
        return Published.from_json(store.read(PUBLISHED_KEY))
    except MissingObjectError:
        return None
