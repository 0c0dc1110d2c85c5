"""Play a history: tables, stream, plan and runs around one engine, and what the engine must show for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from include.dynamo_lake.coverage import Coverage, Decision, FullExport, PlanItem, finish
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.errors import PlanError
from include.dynamo_lake.reference import MergeCrashedError, Tables, expected_tables, merge_steps
from include.dynamo_lake.statements import Statement
from include.dynamo_lake.versions import Version
from include.dynamo_lake.windows import floor_second
from tests.histories.engine import Engine, FileBatch, FileState, Tally, statements_of
from tests.histories.images import keys_of
from tests.histories.operations import (
    LONGER_THAN_TOMBSTONES,
    MINUTE,
    Capture,
    Lie,
    Mend,
    Operation,
    Pass,
    PassLong,
    Put,
    Reconcile,
    Resume,
    Run,
)
from tests.histories.runs import PreparedRun, decide
from tests.histories.tables import ChangeFile, SimulatedTables, Write

START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_LIE = 10**6


@dataclass
class Driver:
    """Plays operations; ``seen``: every statement that reached a mirror, ``fulls``: every full export that did.

    ``tally``: what was merged before ``settle``.
    """

    pipeline: Pipeline
    mended: Pipeline
    engine: Engine
    now: datetime = START
    coverage: Coverage = field(default_factory=Coverage)
    seen: list[Statement] = field(default_factory=list)
    fulls: list[tuple[str, datetime]] = field(default_factory=list)
    planned: set[PlanItem] = field(default_factory=set)
    merges: int = 0
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.tables = SimulatedTables(self.pipeline)
        self.streamed: list[Write] = []
        self.lost: list[Write] = []
        self.inbox: list[ChangeFile] = []
        self.held: list[PreparedRun] = []
        self.numbers = count(1)
        self.is_settled, self.is_ending = True, False
        self.has_lied = self.has_repaired = False

    def play(self, operations: Iterable[Operation]) -> None:
        """Play every operation, and hold the lake to the law after every run whose merges were not stopped."""
        for operation in operations:
            self.step(operation)
            if self.is_settled and isinstance(operation, Run | Resume | Mend | Reconcile):
                self.check_law()

    def settle(self, *, by_stream_alone: bool = False) -> None:
        """Deliver the stream, bootstrap where nobody did, let runs take everything there is, and repair what was lied.

        ``by_stream_alone``: no window is taken.
        """
        self.is_ending = True
        self.step(Capture(len(self.streamed), is_lost=False))
        self.step(Pass(20 * MINUTE))
        begun = self.coverage.covered_through if by_stream_alone else self.coverage.plan_end
        if begun is None:
            self.step(Run("bootstrap"))
        self.step(Run("on_change" if by_stream_alone else "scheduled"))
        if by_stream_alone:
            assert not self.inbox
        else:
            assert not self.coverage.plan
            assert self.coverage.covered_through == floor_second(self.now) or self.tables_unchanged_since_coverage()
        if self.has_lied:
            self.step(Reconcile(repair=True))
        self.check_law()

    def tables_unchanged_since_coverage(self) -> bool:
        covered = self.coverage.covered_through
        return covered is not None and all(write.at < covered for write in self.tables.writes)

    def check_law(self) -> None:
        shown, expected = self.engine.tables(), expected_tables(self.pipeline, self.seen, self.fulls)
        if self.has_repaired:
            # A repair leaves rows that agree as they are, under the version that they have.
            shown, expected = _without_versions(shown), _without_versions(expected)
        assert shown == expected

    def step(self, operation: Operation) -> None:
        match operation:
            case Put():
                self._put(operation)
            case Pass(micros):
                self.now += timedelta(microseconds=micros)
            case Capture():
                self._capture(operation)
            case Run():
                self._start(operation)
            case Resume():
                if self.held:
                    self._execute(self.held.pop(0))
            case PassLong():
                self._capture(Capture(len(self.streamed), is_lost=False))
                self._start(Run("on_change"))
                self.now += timedelta(microseconds=LONGER_THAN_TOMBSTONES)
            case Mend():
                self._mend(operation)
            case Lie():
                self._lie(operation)
            case Reconcile():
                self._reconcile(operation)

    def _put(self, put: Put) -> None:
        self.now += timedelta(microseconds=put.after)
        source = self.pipeline.main if put.side == "main" else self.pipeline.lookup_source
        assert source is not None
        keys = keys_of(put.side, put.item, put.lane)
        write = self.tables.write(source.id, keys, None if put.image is None else {**keys, **put.image}, self.now)
        if write is not None:
            self.streamed.append(write)

    def _lie(self, lie: Lie) -> None:
        is_main = lie.side == "main"
        source = self.pipeline.main if is_main else self.pipeline.lookup_source
        assert source is not None
        keys = keys_of(lie.side, lie.item, 0)
        number = next(self.numbers)
        image = None if lie.image is None else {**keys, **lie.image}
        line = self.tables.stream_line(Write(source.id, keys, image, self.now, FIRST_LIE + number, ""))
        self.inbox.append(ChangeFile(source.id, None, f"inbox/{source.id}/lie-{number}.json.gz", (line,)))
        self.has_lied = True

    def _mend(self, mend: Mend) -> None:
        self.pipeline = self.mended
        self.engine.mend(self.mended)
        if not self._rebuild(mend.crash) and mend.crash == 0:
            self._rebuild(None)

    def _rebuild(self, crash: int | None) -> bool:
        self.merges += 1
        batch = FileBatch(f"batch-{self.merges}", (), floor_second(self.now), None, rebuild=True)
        return self._apply(batch, crash)

    def _reconcile(self, operation: Reconcile) -> None:
        try:
            decision = self._decide(Run("scheduled"))
        except PlanError:
            return
        self.coverage = decision.coverage
        self.planned.update(decision.items)
        at = decision.coverage.plan_end
        assert at is not None
        files = tuple(self.tables.export(source, FullExport(at)) for source in self.pipeline.sources)
        exports = tuple(file for item in decision.items for file in self._exports(item))
        inbox, self.merges = tuple(self.inbox), self.merges + 1
        batch = FileBatch(
            f"batch-{self.merges}",
            (*exports, *inbox),
            floor_second(self.now),
            decision.coverage.covered_through,
            state=FileState(at, files, operation.repair),
        )
        if self._apply(batch, operation.crash):
            self.inbox = [file for file in self.inbox if file not in inbox]
            self.coverage = finish(self.coverage, decision.items, now=floor_second(self.now))

    def _capture(self, capture: Capture) -> None:
        taken, self.streamed = self.streamed[: capture.count], self.streamed[capture.count :]
        if capture.is_lost:
            self.lost.extend(taken)
            return
        for source in self.pipeline.sources:
            lines = tuple(self.tables.stream_line(write) for write in taken if write.source == source.id)
            if lines:
                name = f"inbox/{source.id}/{next(self.numbers):04}.json.gz"
                self.inbox.append(ChangeFile(source.id, None, name, lines))

    def _start(self, run: Run) -> None:
        try:
            decision = self._decide(run)
        except PlanError:
            return
        self.coverage = decision.coverage
        self.planned.update(decision.items)
        prepared = PreparedRun(
            run, decision.items, decision.replayed, tuple(self.inbox), decision.coverage.covered_through
        )
        if run.is_held:
            self.held.append(prepared)
        else:
            self._execute(prepared)

    def _decide(self, run: Run) -> Decision:
        return decide(run, self.coverage, floor_second(self.now))

    def _execute(self, prepared: PreparedRun) -> None:
        exports = [self._exports(item) for item in (*prepared.items, *prepared.replayed)]
        waiting = [file for file in prepared.inbox if file in self.inbox]
        batches = prepared.batches([*exports, *([file] for file in waiting)])
        for index, group in enumerate(batches):
            is_last = index == len(batches) - 1
            if not self._merge(prepared, group, prepared.run.crash if is_last else None):
                return
        self.inbox = [file for file in self.inbox if file not in waiting]
        self.coverage = finish(self.coverage, prepared.items, now=floor_second(self.now))

    def _exports(self, item: PlanItem) -> list[ChangeFile]:
        return [self.tables.export(source, item) for source in self.pipeline.sources]

    def _merge(self, prepared: PreparedRun, groups: Sequence[list[ChangeFile]], crash: int | None) -> bool:
        """Merge one batch; False where it was stopped. What reached a mirror is seen, whatever came after."""
        self.merges += 1
        files = tuple(file for group in groups for file in group)
        batch = FileBatch(f"batch-{self.merges}", files, floor_second(self.now), prepared.covered_through)
        return self._apply(batch, crash)

    def _apply(self, batch: FileBatch, crash: int | None) -> bool:
        repairs = batch.state is not None and batch.state.repair
        steps = merge_steps(self.pipeline, repairs=repairs)
        crash_before = None if crash is None else steps[min(crash, len(steps) - 1)]
        reached = steps if crash_before is None else steps[: steps.index(crash_before)]
        if not self.is_ending:
            self.tally.add(batch, is_crashed=crash_before is not None)
        self._see(batch.files, {step.removeprefix("mirror:") for step in reached})
        if batch.state is not None and repairs:
            repaired = {step.removeprefix("repair:") for step in reached}
            self.has_repaired |= bool(repaired)
            self._see(batch.state.files, repaired)
        try:
            self.engine.apply(batch, crash_before)
        except MergeCrashedError:
            self.is_settled = False
            return False
        self.is_settled = True
        return True

    def _see(self, files: tuple[ChangeFile, ...], sources: set[str]) -> None:
        reached = tuple(file for file in files if file.source in sources)
        self.seen.extend(statements_of(self.pipeline, reached))
        self.fulls.extend((file.source, file.item.at) for file in reached if isinstance(file.item, FullExport))


def _without_versions(tables: Tables) -> Tables:
    nothing = Version(START, 0, "")
    mirrors = {s: {key: (nothing, image) for key, (_, image) in rows.items()} for s, rows in tables.mirrors.items()}
    return Tables(mirrors, tables.target, {name: (nothing, why) for name, (_, why) in tables.quarantine.items()})
