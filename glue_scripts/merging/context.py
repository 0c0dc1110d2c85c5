"""What every step of one merge knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession

from glue_scripts.commits.tables import LakeTable
from glue_scripts.merging.tuning import kept
from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import (
    QUARANTINE_TABLE,
    SUMMARY_AT,
    SUMMARY_BATCH_ID,
    SUMMARY_REBUILD,
    SUMMARY_RUN,
    mirror_table,
)
from include.dynamo_lake.reports import Phase
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.windows import format_instant


@dataclass(frozen=True)
class Lake:
    """The tables of one pipeline. ``database``: catalog and database; ``warehouse``: URI below which tables are created
    (None: where the catalog puts them).
    """

    spark: SparkSession
    pipeline: Pipeline
    database: str
    warehouse: str | None

    def mirror(self, source_id: str) -> LakeTable:
        return self._table(mirror_table(source_id))

    @property
    def quarantine(self) -> LakeTable:
        return self._table(QUARANTINE_TABLE)

    @property
    def target(self) -> LakeTable:
        return self._table(self.pipeline.target.table)

    @property
    def tables(self) -> dict[str, LakeTable]:
        """All of them by name, in the order of their commits."""
        names = [*(mirror_table(source.id) for source in self.pipeline.sources), QUARANTINE_TABLE]
        return {name: self._table(name) for name in [*names, self.pipeline.target.table]}

    def _table(self, name: str) -> LakeTable:
        location = f"{self.warehouse.rstrip('/')}/{name}" if self.warehouse else None
        return LakeTable(self.spark, f"{self.database}.{name}", location)


@dataclass
class Progress:
    """Phases with their seconds; each is printed when it ends, for the job's log."""

    phases: list[Phase] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        seconds = round(time.monotonic() - started, 3)
        self.phases.append(Phase(name, seconds))
        print(f"{time.strftime('%H:%M:%S', time.gmtime())} {name}: {seconds:.1f} s", flush=True)


def _no_hook(step: str) -> None:
    """Before a commit nothing else happens."""


@dataclass(frozen=True)
class Merge:
    """One merge: its number, and the run up to which the target was derived before it.

    ``before_commit`` is called with the step's name right before each commit: ``mirror:<source>``, ``quarantine``,
    ``target``, then those of the day's maintenance. ``is_small``: the batch has few rows. ``is_rebuild``: target and quarantine
    are made anew, since the batch asks for it, since an earlier merge began to and crashed, or since the main source is
    another one. ``last_maintenance``: None in the lake's first merge.
    """

    lake: Lake
    manifest: BatchManifest
    run: int
    derived_through: int
    progress: Progress
    is_small: bool
    is_rebuild: bool
    last_maintenance: Maintenance | None
    before_commit: Callable[[str], None] = _no_hook

    def keep(self, frame: DataFrame) -> DataFrame:
        """The frame, computed once, at its first use."""
        return kept(frame, is_small=self.is_small and not self.has_leftovers and not self.is_rebuild)

    @property
    def marks(self) -> dict[str, str]:
        """What every commit of this merge says in its summary."""
        return {
            SUMMARY_RUN: str(self.run),
            SUMMARY_BATCH_ID: self.manifest.batch_id,
            SUMMARY_AT: format_instant(self.manifest.now),
            **({SUMMARY_REBUILD: str(self.run)} if self.is_rebuild else {}),
        }

    @property
    def maintains(self) -> bool:
        """Whether the tables are maintained after this merge, and tombstones purged in it."""
        return self.last_maintenance is not None and self.last_maintenance.comes_with(self.manifest.now)

    @property
    def has_leftovers(self) -> bool:
        """Whether an earlier merge left rows dirty (it crashed between its commits)."""
        return self.run > self.derived_through + 1
