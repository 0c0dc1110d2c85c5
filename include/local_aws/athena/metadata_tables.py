"""Athena's Iceberg metadata tables: `"t$files"`, `"t$partitions"`, `"t$snapshots"`, `"t$history"`, `"t$manifests"`, `"t$refs"`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pyarrow as pa
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from include.local_aws.clock import Clock

_SNAPSHOTS = {
    "committed_at": pa.timestamp("ms", "UTC"), "snapshot_id": pa.int64(), "parent_id": pa.int64(), "operation": pa.string(),
    "manifest_list": pa.string(), "summary": pa.map_(pa.string(), pa.string()),
}  # fmt: skip
_HISTORY = {
    "made_current_at": pa.timestamp("ms", "UTC"), "snapshot_id": pa.int64(), "parent_id": pa.int64(), "is_current_ancestor": pa.bool_(),
}  # fmt: skip
_MANIFESTS = (
    "path", "length", "partition_spec_id", "added_snapshot_id", "added_data_files_count", "existing_data_files_count",
    "deleted_data_files_count",
)  # fmt: skip
_FILES = (
    "content", "file_path", "file_format", "record_count", "file_size_in_bytes", "column_sizes", "value_counts",
    "null_value_counts", "nan_value_counts", "key_metadata", "split_offsets", "equality_ids",
)  # fmt: skip


def read_metadata_table(table: Table, kind: str, snapshot: Snapshot | None, clock: Clock) -> pa.Table:
    """Build one metadata table, at a snapshot where it has one (history, snapshots and refs are the whole table's).

    Commits carry the machine's time; they are shown at the local clock's.
    """
    readers: dict[str, Callable[[], pa.Table]] = {
        "snapshots": lambda: _typed(table.inspect.snapshots(), _SNAPSHOTS, clock),
        "history": lambda: _typed(table.inspect.history(), _HISTORY, clock),
        "manifests": lambda: table.inspect.manifests().select(list(_MANIFESTS)),
        "files": lambda: _files(table, snapshot),
        "partitions": lambda: _partitions(table, snapshot),
        "refs": table.inspect.refs,
    }
    return readers[kind]()


def _typed(rows: pa.Table, columns: dict[str, pa.DataType], clock: Clock) -> pa.Table:
    return pa.table({name: _as(rows[name], kind, clock) for name, kind in columns.items()})


def _as(values: pa.ChunkedArray, kind: pa.DataType, clock: Clock) -> pa.ChunkedArray:
    if not pa.types.is_timestamp(kind):
        return values.cast(kind)
    moments = (moment.replace(tzinfo=UTC) for moment in values.to_pylist())  # UTC, though they come without a zone
    return pa.chunked_array([[clock.local_time_of(moment) for moment in moments]], kind)


def _files(table: Table, snapshot: Snapshot | None) -> pa.Table:
    rows = table.inspect.files(snapshot.snapshot_id if snapshot else None)
    return rows.select([name for name in _FILES if name in rows.column_names])


def _partitions(table: Table, snapshot: Snapshot | None) -> pa.Table:
    rows = table.inspect.partitions(snapshot.snapshot_id if snapshot else None)
    sizes = {"record_count": "record_count", "file_count": "file_count", "total_size": "total_data_file_size_in_bytes"}
    columns = {name: rows[source].cast(pa.int64()) for name, source in sizes.items()}
    partition = {"partition": rows["partition"]} if "partition" in rows.column_names else {}
    return pa.table({**partition, **columns})
