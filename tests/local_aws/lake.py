"""Iceberg tables for tests: written with pyiceberg through the local Glue catalog, without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform
from pyiceberg.typedef import Record
from pyiceberg.types import DecimalType, IntegerType, ListType, LongType, NestedField, StringType, TimestampType

instant = datetime.fromisoformat
"""Iceberg's timestamps here have no zone; they are UTC by contract."""

TASKS = Schema(
    NestedField(1, "user_id", StringType()),
    NestedField(2, "position", IntegerType()),
    NestedField(3, "created_at", TimestampType()),
    NestedField(4, "reward_earned", DecimalType(18, 6)),
    NestedField(5, "big", LongType()),
    NestedField(6, "state", StringType()),
    NestedField(7, "labels", ListType(8, StringType(), element_required=False)),
)
BY_DAY = PartitionSpec(PartitionField(3, 1000, DayTransform(), "created_at_day"))
ROWS: list[dict[str, Any]] = [
    {"user_id": "u1", "position": 0, "created_at": instant("2026-11-22T01:02:03"), "reward_earned": Decimal("12.5"),
     "big": 2**53 + 1, "state": "DONE", "labels": ["a", "b"]},
    {"user_id": "u1", "position": 1, "created_at": instant("2026-11-22T01:02:03"), "reward_earned": None,
     "big": None, "state": None, "labels": None},
    {"user_id": "u2", "position": 0, "created_at": instant("2026-11-23T23:59:59.999999"), "reward_earned": Decimal("0.000001"),
     "big": -1, "state": 'say "x", y', "labels": []},
    {"user_id": "u3", "position": 0, "created_at": instant("2026-11-24T00:00:00"), "reward_earned": Decimal("-3"),
     "big": 0, "state": "", "labels": [None]},
]  # fmt: skip


def open_catalog(environment: Mapping[str, str]) -> GlueCatalog:
    """pyiceberg's Glue catalog on a running local AWS, as root."""
    properties = {
        "glue.endpoint": environment["AWS_ENDPOINT_URL"],
        "s3.endpoint": environment["AWS_ENDPOINT_URL"],
        "client.region": environment["AWS_REGION"],
        "client.access-key-id": environment["AWS_ACCESS_KEY_ID"],
        "client.secret-access-key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    return GlueCatalog("local", **properties)


def create_tasks(catalog: GlueCatalog, name: str, location: str, rows: list[dict[str, Any]]) -> Table:
    """Create a table partitioned by the day of `created_at`, and append `rows` in one commit."""
    table = catalog.create_table(name, TASKS, location=location, partition_spec=BY_DAY)
    append_rows(table, rows)
    return table


def append_rows(table: Table, rows: list[dict[str, Any]]) -> None:
    """Append rows in one commit, one file per day. (pyiceberg's own append by day needs a compiled extension.)"""
    days = sorted({row["created_at"].date() for row in rows})
    batches = {day: [row for row in rows if row["created_at"].date() == day] for day in days}
    append_files(
        table, {day: pa.Table.from_pylist(batch, schema=table.schema().as_arrow()) for day, batch in batches.items()}
    )


def append_files(table: Table, rows_by_day: Mapping[date, pa.Table]) -> None:
    """Append one Parquet file per day, with statistics, in one commit."""
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        for day, rows in rows_by_day.items():
            append.append_data_file(_write_file(table, day, rows))


def _write_file(table: Table, day: date, rows: pa.Table) -> DataFile:
    path = f"{table.location()}/data/created_at_day={day}/{uuid4()}.parquet"
    output = table.io.new_output(path)
    with output.create() as stream, pq.ParquetWriter(stream, rows.schema) as writer:
        writer.write_table(rows)
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=pq.read_metadata(table.io.new_input(path).open()),
        stats_columns=compute_statistics_plan(table.schema(), table.properties),
        parquet_column_mapping=parquet_path_to_id_mapping(table.schema()),
    )
    return DataFile.from_args(
        content=DataFileContent.DATA, file_path=path, file_format=FileFormat.PARQUET, file_size_in_bytes=len(output.to_input_file()),
        partition=Record((day - date(1970, 1, 1)).days), sort_order_id=None, spec_id=table.spec().spec_id, equality_ids=None,
        key_metadata=None, **statistics.to_serialized_dict(),
    )  # fmt: skip
