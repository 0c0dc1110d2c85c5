"""What a history is played on: the reference here, Spark elsewhere, behind one protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.reference import Batch, Lake, MergeCounts, SourceState, Tables, apply_batch, observed_tables
from include.dynamo_lake.statements import Line, Statement, parse_full_line, parse_inbox_line, parse_incremental_line
from tests.histories.tables import ChangeFile


@dataclass(frozen=True)
class FileState:
    """Full exports of every source at one instant, to compare the mirrors with."""

    at: datetime
    files: tuple[ChangeFile, ...]
    repair: bool


@dataclass(frozen=True)
class FileBatch:
    """One batch as files; at most one full export, of every source."""

    batch_id: str
    files: tuple[ChangeFile, ...]
    now: datetime
    covered_through: datetime | None
    rebuild: bool = False
    state: FileState | None = None

    @property
    def full_export_at(self) -> datetime | None:
        return next((file.item.at for file in self.files if isinstance(file.item, FullExport)), None)


@dataclass
class Tally:
    """What merges took: files with lines by kind, those taken again, and batches with lines that crashed."""

    counts: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)

    def add(self, batch: FileBatch, *, is_crashed: bool) -> None:
        taken = [file for file in batch.files if file.lines]
        for file in taken:
            kind = "change file" if file.item is None else "full" if isinstance(file.item, FullExport) else "window"
            self.counts[kind] += 1
            self.counts["again"] += file.name in self.names
            self.names.add(file.name)
        self.counts["crash"] += is_crashed and bool(taken)


Found = dict[str, dict[str, str]]
"""What a reconciliation found: kinds of differences by source and key."""


class Engine(Protocol):
    """A lake that histories are played on."""

    def apply(self, batch: FileBatch, crash_before: str | None) -> Found:
        """Merge a batch; raise ``MergeCrashedError`` where a crash was asked for."""

    def mend(self, pipeline: Pipeline) -> None:
        """Go on under a mended declaration; nothing is rebuilt yet."""

    def tables(self) -> Tables:
        """What the lake shows."""


class ReferenceEngine:
    """The plain-Python reference; ``counts``: of the last merge that went through."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.lake = Lake.empty(pipeline)
        self.counts: MergeCounts | None = None

    def apply(self, batch: FileBatch, crash_before: str | None) -> Found:
        statements = tuple(statements_of(self.lake.pipeline, batch.files))
        whole = Batch(
            batch.batch_id,
            statements,
            batch.now,
            batch.full_export_at,
            batch.covered_through,
            batch.rebuild,
            None if batch.state is None else self._state(batch.state),
        )
        self.counts = counts = apply_batch(self.lake, whole, crash_before=crash_before)
        for source, counted in counts.statements.items():
            assert counted.read == sum(s.source == source for s in statements)
            assert counted.read == counted.applied + counted.stale + counted.quarantined
        return {
            source: {difference.key: difference.kind for difference in one.differences}
            for source, one in counts.reconciled.items()
        }

    def mend(self, pipeline: Pipeline) -> None:
        self.lake.pipeline = pipeline

    def _state(self, state: FileState) -> SourceState:
        return SourceState(state.at, tuple(statements_of(self.lake.pipeline, state.files)), state.repair)

    def tables(self) -> Tables:
        return observed_tables(self.lake)


def statements_of(pipeline: Pipeline, files: tuple[ChangeFile, ...]) -> Iterator[Statement]:
    """Read the files' lines."""
    for file in files:
        source = pipeline.source(file.source)
        for number, text in enumerate(file.lines, start=1):
            line = Line(file.name, number)
            if file.item is None:
                yield parse_inbox_line(source, text, line)
            elif isinstance(file.item, FullExport):
                yield parse_full_line(source, text, file.item.at, line)
            else:
                yield parse_incremental_line(source, text, file.item.end, line)
