"""The Iceberg tables of one pipeline: where they are, what their newest snapshot says, and commits without rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from include.dynamo_lake.names import (
    SUMMARY_BATCH_ID,
    SUMMARY_DERIVED_THROUGH,
    SUMMARY_FLOOR,
    SUMMARY_REBUILD,
    SUMMARY_RUN,
)
from include.dynamo_lake.reports import TableState
from include.dynamo_lake.windows import format_instant, parse_instant

_CARRIED = (SUMMARY_RUN, SUMMARY_BATCH_ID, SUMMARY_FLOOR, SUMMARY_DERIVED_THROUGH, SUMMARY_REBUILD)
_PROPERTY = "spark.sql.iceberg.snapshot-property."


@dataclass(frozen=True)
class Marks:
    """What the summary of a table's newest marked snapshot says; 0 and None where there is none.

    ``rebuild``: the merge that placed a mirror's rows anew with this snapshot.
    """

    run: int = 0
    derived_through: int = 0
    floor: datetime | None = None
    rebuild: int = 0


@dataclass(frozen=True)
class LakeTable:
    """One Iceberg table. ``location``: where it is created (None: where the catalog puts it)."""

    spark: SparkSession
    name: str
    location: str | None

    def exists(self) -> bool:
        return bool(self.spark.catalog.tableExists(self.name))

    def read(self) -> DataFrame:
        return self.spark.table(self.name)

    def metadata_rows(self, name: str) -> DataFrame:
        """One of Iceberg's metadata tables: ``files``, ``all_files``, …"""
        return self.spark.table(f"{self.name}.{name}")

    @property
    def java(self) -> Any:
        """Iceberg's own table, fresh."""
        session = self.spark._jsparkSession  # type: ignore[attr-defined]
        table = self.spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(session, self.name)  # type: ignore[union-attr]
        table.refresh()
        return table

    def snapshot_id(self) -> int:
        """The newest snapshot's id; 0 for a table without any."""
        snapshot = self.java.currentSnapshot()
        return int(snapshot.snapshotId()) if snapshot else 0

    def state(self, *, since: int) -> TableState:
        """The table as it is now; ``since``: its snapshot before this run."""
        table = self.java
        snapshot = table.currentSnapshot()
        snapshot_id = int(snapshot.snapshotId()) if snapshot else 0
        return TableState(snapshot_id, self.metadata_location(), committed=snapshot_id != since)

    def row_count(self) -> int:
        """Rows, out of the newest snapshot's summary."""
        snapshot = self.java.currentSnapshot()
        return int(snapshot.summary().get("total-records") or 0) if snapshot else 0

    def bytes_added(self, *, since: int) -> int:
        """Bytes of the data files that the snapshots after ``since`` added."""
        added, table = 0, self.java
        snapshot = table.currentSnapshot()
        while snapshot and int(snapshot.snapshotId()) != since:
            added += int(snapshot.summary().get("added-files-size") or 0)
            parent = snapshot.parentId()
            snapshot = table.snapshot(parent) if parent is not None else None
        return added

    def marks(self) -> Marks:
        """The marks of the newest snapshot that carries any: a commit of somebody else's has none."""
        marks = self.carried_marks()
        floor = marks.get(SUMMARY_FLOOR)
        run, derived_through, rebuild = (
            int(marks.get(name, 0)) for name in (SUMMARY_RUN, SUMMARY_DERIVED_THROUGH, SUMMARY_REBUILD)
        )
        return Marks(run, derived_through, parse_instant(floor) if floor else None, rebuild)

    def carried_marks(self) -> dict[str, str]:
        """The same as they stand in the summary: what a commit that changes no row has to repeat."""
        table = self.java
        snapshot = table.currentSnapshot()
        while snapshot:
            summary = snapshot.summary()
            if summary.get(SUMMARY_RUN) is not None:
                return {name: str(value) for name in _CARRIED if (value := summary.get(name)) is not None}
            parent = snapshot.parentId()
            snapshot = table.snapshot(parent) if parent is not None else None
        return {}

    def properties(self) -> dict[str, str]:
        return dict(self.java.properties())

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Set table properties in a commit that makes no snapshot."""
        update = self.java.updateProperties()
        for name, value in properties.items():
            update = update.set(name, value)
        update.commit()

    def partition_columns(self) -> list[str]:
        """The columns that the present partitions are made of."""
        table = self.java
        return [str(table.schema().findColumnName(field.sourceId())) for field in table.spec().fields()]

    def uuid(self) -> str:
        return str(self.java.uuid())

    def base_location(self) -> str:
        """Where the table's files lie."""
        return str(self.java.location())

    def metadata_location(self) -> str:
        """The newest metadata file."""
        return str(self.java.operations().current().metadataFileLocation())

    def commit_marks(self, marks: Mapping[str, str]) -> None:
        """Commit a snapshot that changes no row and carries the marks."""
        append = self.java.newAppend()
        for name, value in marks.items():
            append = append.set(name, value)
        append.commit()

    @contextmanager
    def marked(self, marks: Mapping[str, str]) -> Iterator[None]:
        """Every commit in this block carries the marks in its summary, atomically (Iceberg 1.11 and later)."""
        for name, value in marks.items():
            self.spark.conf.set(_PROPERTY + name, value)
        try:
            yield
        finally:
            for name in marks:
                self.spark.conf.unset(_PROPERTY + name)


def format_floor(floor: datetime | None) -> dict[str, str]:
    """The floor as a mark; nothing where there is none yet."""
    return {} if floor is None else {SUMMARY_FLOOR: format_instant(floor)}
