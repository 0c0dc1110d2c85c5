"""Read Iceberg tables: open metadata, choose the snapshot, plan the files, stream the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import DataScan, FileScanTask, StaticTable, Table
from pyiceberg.table.snapshots import Snapshot

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.calls import Settings
from include.local_aws.clock import Clock

_FILES_AT_ONCE = 4


@dataclass(frozen=True)
class Plan:
    """What a scan reads: `columns` in the table's order, `tasks` the files that remain after pruning."""

    table: Table
    schema: Schema
    columns: Schema
    row_filter: BooleanExpression
    tasks: Sequence[FileScanTask]

    @property
    def bytes_scanned(self) -> int:
        """Bytes of the columns read, the footers, and the delete files."""
        ids = _leaf_ids(self.columns)
        deletes = {one.file_path: one.file_size_in_bytes for task in self.tasks for one in task.delete_files}
        return sum(_bytes_of(task.file, ids) for task in self.tasks) + sum(deletes.values())

    @property
    def row_count(self) -> int | None:
        """Rows without reading a file, where nothing is filtered or deleted; else None."""
        if self.row_filter != AlwaysTrue() or any(task.delete_files for task in self.tasks):
            return None
        return sum(task.file.record_count for task in self.tasks)


def open_table(metadata_location: str, settings: Settings) -> Table:
    """Open a table by its metadata file. Raises QueryFailedError when that file is missing or not Iceberg's."""
    properties = {
        "s3.endpoint": settings.endpoint_url,
        "s3.access-key-id": settings.root_access_key,
        "s3.secret-access-key": settings.root_secret_key,
        "s3.region": settings.region,
    }
    try:
        return StaticTable.from_metadata(metadata_location, properties)
    except FileNotFoundError as error:
        raise QueryFailedError(
            "ICEBERG_INVALID_METADATA", f"Metadata not found in metadata location {metadata_location}"
        ) from error
    except ValueError as error:
        raise QueryFailedError("ICEBERG_INVALID_METADATA", f"Error reading {metadata_location}: {error}") from error


def snapshot_of_version(table: Table, version: int | str, name: str) -> Snapshot:
    """The snapshot with this id, or that a branch or tag of this name points to."""
    found = table.snapshot_by_name(version) if isinstance(version, str) else table.snapshot_by_id(version)
    if found is None:
        what = (
            f"Cannot find snapshot with reference name: {version}"
            if isinstance(version, str)
            else f"Iceberg snapshot ID does not exists: {version}"
        )
        raise QueryFailedError("INVALID_ARGUMENTS", f"{what} (table {name})")
    return found


def snapshot_at(table: Table, moment: datetime, name: str, clock: Clock) -> Snapshot:
    """The snapshot that was current at an instant (aware, or UTC) of the local clock; Spark stamps with the machine's."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    until = (entry for entry in reversed(table.history()) if clock.local_time_of(_instant(entry.timestamp_ms)) <= aware)
    found = table.snapshot_by_id(entry.snapshot_id) if (entry := next(until, None)) is not None else None
    if found is None:
        raise QueryFailedError(
            "INVALID_ARGUMENTS", f"No version history table {name} at or before {aware.astimezone(UTC).isoformat()}"
        )
    return found


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def schema_at(table: Table, snapshot: Snapshot | None) -> Schema:
    """The schema of the snapshot, or the table's present one."""
    return DataScan(table.metadata, table.io, snapshot_id=snapshot.snapshot_id if snapshot else None).projection()


def plan_scan(table: Table, snapshot: Snapshot | None, columns: Sequence[str], row_filter: BooleanExpression) -> Plan:
    """Choose the files that hold rows which the filter may let through."""
    snapshot_id = snapshot.snapshot_id if snapshot else None
    scan = DataScan(
        table.metadata, table.io, row_filter=row_filter, selected_fields=tuple(columns) or ("*",), case_sensitive=False,
        snapshot_id=snapshot_id,
    )  # fmt: skip
    schema = schema_at(table, snapshot)
    projected = scan.projection() if columns else Schema()
    return Plan(table, schema, projected, row_filter, list(scan.plan_files()) if table.current_snapshot() else [])


def read_batches(plan: Plan) -> pa.RecordBatchReader:
    """Stream the rows, a few files at a time, so that memory does not grow with the table."""
    target = schema_to_pyarrow(plan.columns, include_field_ids=False)
    return pa.RecordBatchReader.from_batches(target, _batches(plan, target))


def _batches(plan: Plan, target: pa.Schema) -> Iterator[pa.RecordBatch]:
    scan = ArrowScan(plan.table.metadata, plan.table.io, plan.columns, plan.row_filter, case_sensitive=False)
    for tasks in _groups(plan.tasks):
        for batch in scan.to_record_batches(tasks):
            yield from pa.Table.from_batches([batch]).cast(target).to_batches()


def _groups(tasks: Sequence[FileScanTask]) -> Iterator[Sequence[FileScanTask]]:
    for start in range(0, len(tasks), _FILES_AT_ONCE):
        yield tasks[start : start + _FILES_AT_ONCE]


def _leaf_ids(schema: Schema) -> set[int]:
    return set(schema.field_ids)


def _bytes_of(file: DataFile, ids: set[int]) -> int:
    sizes = file.column_sizes or {}
    if not sizes:
        return file.file_size_in_bytes
    footer = max(0, file.file_size_in_bytes - sum(sizes.values()))
    return footer + sum(size for column, size in sizes.items() if column in ids)
