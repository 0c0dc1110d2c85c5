"""Creating the tables on the first run, and widening the target when its declaration widens."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import DataType, DecimalType

from glue_scripts.commits.tables import LakeTable
from glue_scripts.transforms.columns import spark_type
from glue_scripts.transforms.lookups import item_match_columns
from include.dynamo_lake.declaration.model import Column, Pipeline
from include.dynamo_lake.errors import ContractError

_VERSION = "version_at TIMESTAMP_NTZ NOT NULL, version_kind INT NOT NULL, version_sequence STRING NOT NULL"
MIRROR_SCHEMA = f"key STRING NOT NULL, image STRING, {_VERSION}, day DATE, run BIGINT NOT NULL"
QUARANTINE_SCHEMA = (
    f"source STRING NOT NULL, key STRING NOT NULL, {_VERSION}, path STRING, value STRING, rule STRING, "
    "batch_id STRING, run BIGINT"
)
# Readers point at metadata files of the past: none may be deleted behind a commit.
_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "false",
    "write.metadata.previous-versions-max": "10000",
    "write.distribution-mode": "hash",
    "write.merge.distribution-mode": "hash",
    # Sorted by partition, one open file a task: a first load writes a file for every day there is, and does not hold all of them open.
    "write.spark.fanout.enabled": "false",
    "write.delete.mode": "copy-on-write",
    "write.update.mode": "copy-on-write",
    "write.merge.mode": "copy-on-write",
}

_REMEDY = "Declare what the table has, or give target.table a new name: the next run makes that table from the mirrors"


def create_mirror(table: LakeTable) -> None:
    """Create a mirror, partitioned by day, unless it is there."""
    _create(table, MIRROR_SCHEMA, "day")


def create_quarantine(table: LakeTable) -> None:
    """Create the quarantine unless it is there."""
    _create(table, QUARANTINE_SCHEMA, None)


def create_target(table: LakeTable, pipeline: Pipeline) -> None:
    """Create the target, or widen it to its declaration. Raises ``ContractError`` where it would have to be narrowed or
    partitioned otherwise.
    """
    if table.exists():
        _require_partition(table, pipeline.target.partition)
        _widen(table, pipeline.target.columns)
        return
    columns = ", ".join(f"{column.name} {spark_type(column)}" for column in pipeline.target.columns)
    _create(table, columns, f"days({pipeline.target.partition})")
    # A lookup change then finds its rows in few row groups of a day.
    order = dict.fromkeys([*item_match_columns(pipeline), *pipeline.target.row_key])
    table.spark.sql(f"ALTER TABLE {table.name} WRITE DISTRIBUTED BY PARTITION LOCALLY ORDERED BY {', '.join(order)}")


def _create(table: LakeTable, columns: str, partition: str | None) -> None:
    if table.exists():
        return
    properties = ", ".join(f"'{name}'='{value}'" for name, value in _PROPERTIES.items())
    table.spark.sql(
        f"CREATE TABLE {table.name} ({columns}) USING iceberg "
        + (f"PARTITIONED BY ({partition}) " if partition else "")
        + (f"LOCATION '{table.location}' " if table.location else "")
        + f"TBLPROPERTIES ({properties})"
    )


def _require_partition(table: LakeTable, declared: str) -> None:
    known = table.partition_columns()
    if known != [declared]:
        raise ContractError(
            f"{table.name} is partitioned by the day of {', '.join(known)}, declared is target.partition = {declared!r}: rows would "
            f"be looked for on days where they are not. {_REMEDY}"
        )


def _widen(table: LakeTable, columns: Sequence[Column]) -> None:
    known = {field.name: field.dataType for field in table.read().schema.fields}
    declared = {column.name: column for column in columns}
    _require_no_narrowing(table, known, declared)
    previous: str | None = None
    for name, column in declared.items():
        if name not in known:
            place = f"AFTER {previous}" if previous else "FIRST"
            table.spark.sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {spark_type(column)} {place}")
        elif known[name].simpleString() != spark_type(column):
            table.spark.sql(f"ALTER TABLE {table.name} ALTER COLUMN {name} TYPE {spark_type(column)}")
        previous = name


def _require_no_narrowing(table: LakeTable, known: dict[str, DataType], declared: dict[str, Column]) -> None:
    removed = sorted(known.keys() - declared.keys())
    narrowed = [name for name, kind in known.items() if name in declared and not _can_hold(declared[name], kind)]
    if removed or narrowed:
        problems = [f"column {name} is no longer declared" for name in removed]
        problems += [f"column {n} is {known[n].simpleString()}, declared as {declared[n].type}" for n in narrowed]
        raise ContractError(f"{table.name} cannot be narrowed: {'; '.join(problems)}. {_REMEDY}")


def _can_hold(column: Column, kind: DataType) -> bool:
    if kind.simpleString() == spark_type(column):
        return True
    if isinstance(kind, DecimalType) and column.decimal:
        precision, scale = column.decimal
        return scale == kind.scale and precision > kind.precision
    return False
