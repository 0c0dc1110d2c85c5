"""Runs that are rivals on one lake: what may happen to them, and what must hold whatever does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from botocore.exceptions import ReadTimeoutError
from hypothesis import strategies as st

from include.dynamo_lake.coverage import Coverage, FullExport
from include.dynamo_lake.declaration import pipeline_names
from include.dynamo_lake.errors import LakeError, TerminalError
from include.dynamo_lake.windows import format_instant
from tests.histories.images import LOOKUP_KEYS, MAIN_KEYS
from tests.plugins.simulation.lakes import Lakeside, deadline, item, lakeside
from tests.plugins.simulation.runs import Kind, SimulatedRun
from tests.plugins.simulation.wire import KilledError, Strike

PIPELINE = pipeline_names()[0]
MOST_RUNS = 3
MOST_TRIES = 3


@dataclass(frozen=True)
class Write:
    """An item is written (``tasks`` 0: deleted), and the stream tells of it or loses it; deletions are always told."""

    number: int
    tasks: int
    is_told: bool


@dataclass(frozen=True)
class Move:
    """A deadline moves."""

    day: int


@dataclass(frozen=True)
class Pass:
    minutes: int


@dataclass(frozen=True)
class Begin:
    """Another run begins; ``back``: a manual range that begins so many minutes in the past (0: what is due). A reconciliation
    compares at 0, repairs at 20, rebuilds at 300.
    """

    kind: Kind
    back: int = 0


@dataclass(frozen=True)
class Step:
    """The ``run``-th newest run goes on through task ``through`` (one that it has behind it: through its next task).

    At that task's call ``at`` it is struck, or a rival does its next task first; or a rival does so within the task's merge,
    between its wait for the output crawler and its commits.
    """

    run: int
    through: str
    at: int = 0
    strike: Literal[
        "none", "killed before", "killed after", "a lost answer", "a rival's task", "a rival's task within its merge"
    ] = "none"


@dataclass(frozen=True)
class GiveUp:
    """Nobody looks after a run any more."""

    run: int


@dataclass(frozen=True)
class CrashMerge:
    """The next run of the merge job dies before this commit."""

    step: str


Operation = Write | Move | Pass | Begin | Step | GiveUp | CrashMerge
STRIKES = (
    *("none", "none", "none"),
    *("killed before", "killed after", "a lost answer"),
    *("a rival's task", "a rival's task", "a rival's task within its merge"),
)
TASKS = (
    "plan",
    "export 0",
    "export 1",
    "merge.build_batch",
    "merge.glue_job",
    "counts",
    "counts",
    "snapshot",
    "snapshot",
    "publish.finish",
    "crawl output",
    "announce",
    "announce",
    "announce",
)
STEPS = st.builds(
    Step, st.sampled_from((1, 1, 1, 2, 2, 3)), st.sampled_from(TASKS), st.integers(0, 8), st.sampled_from(STRIKES)
)
WRITES = st.builds(Write, st.integers(0, 2), st.integers(0, 3), st.booleans()) | st.builds(Move, st.integers(1, 28))
BEGINS = st.builds(
    Begin,
    st.sampled_from(("hourly", "hourly", "hourly", "bootstrap", "on_change", "on_change", "reconcile")),
    st.sampled_from((0, 0, 20, 300)),
)
COMMITS = ("mirror:user_campaign", "mirror:campaign_info", "quarantine", "target")
RARE = st.sampled_from((None, None, None, None, GiveUp(0), GiveUp(1), *map(CrashMerge, COMMITS)))
ROUNDS = st.lists(
    st.tuples(
        st.lists(WRITES, min_size=1, max_size=3),
        st.builds(Pass, st.sampled_from((1, 16, 60, 26 * 60))),
        BEGINS,
        RARE,
        st.lists(STEPS, min_size=1, max_size=4),
    ),
    min_size=2,
    max_size=6,
)
OPERATIONS = ROUNDS.map(
    lambda rounds: [
        one
        for writes, passed, begin, rare, steps in rounds
        for one in (*writes, passed, begin, rare, *steps)
        if one is not None
    ]
)


@dataclass
class Rivals:
    """Up to three runs at once on one lake; the oldest is given up where a fourth begins."""

    lake: Lakeside
    runs: list[SimulatedRun] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def play(self, operations: list[Operation]) -> None:
        for operation in operations:
            self.do(operation)
            self.require_chain()

    def do(self, operation: Operation) -> None:
        world = self.lake.world
        match operation:
            case Write(number, tasks, is_told):
                image = item(*(f"t{task}" for task in range(tasks))) if tasks else None
                written = world.write(MAIN_KEYS[number], image)
                if written is not None and (is_told or image is None):
                    world.capture(written)
            case Move(day):
                world.write(LOOKUP_KEYS[0], deadline(f"2026-05-{day:02}"), source="campaign_info")
            case Pass(minutes):
                world.advance(timedelta(minutes=minutes))
            case Begin(kind, back):
                self.begin(kind, back)
            case Step():
                self.step(operation)
            case GiveUp(number):
                del self.runs[number : number + 1]
            case CrashMerge(step):
                world.crash_next_merge_before = step

    def begin(self, kind: Kind, back: int) -> None:
        now = self.lake.world.now
        is_range = kind == "hourly" and back > 0
        start = format_instant(now - timedelta(minutes=back))
        params: dict[str, object] = {"start": start, "end": format_instant(now)} if is_range else {}
        if kind == "reconcile":
            params = {"repair": back == 20, "rebuild": back == 300}
        self.runs = [*self.runs[-MOST_RUNS + 1 :], SimulatedRun(self.lake.world, kind, params)]

    def step(self, step: Step) -> None:
        if step.run > len(self.runs):
            return
        run = self.runs[-step.run]
        if run.left and run.left[0][0] == "plan" and step.through != "plan":
            self.try_task(run)
        while step.through in [name for name, _ in run.left[1:]] and self.try_task(run):
            pass
        if run in self.runs and step.strike != "none":
            self.arm(run, step)
        self.try_task(run)
        self.lake.wire.strike = self.lake.world.within_next_merge = None

    def arm(self, run: SimulatedRun, step: Step) -> None:
        rivals = [one for one in self.runs if one is not run]
        if step.strike == "a rival's task within its merge":
            self.lake.world.within_next_merge = lambda: rivals and self.try_task(rivals[0])
            return

        def what() -> None:
            self.lake.wire.strike = None
            if step.strike == "a lost answer":
                raise ReadTimeoutError(endpoint_url="https://aws")
            if step.strike == "a rival's task":
                self.try_task(rivals[0]) if rivals else None
                return
            raise KilledError

        when = "before" if step.strike in {"killed before", "a rival's task"} else "after"
        self.lake.wire.strike = Strike(len(self.lake.wire.calls) + step.at, when, what)

    def try_task(self, run: SimulatedRun) -> bool:
        """A run's next task; whether it succeeded. An error that a retry cannot help ends the run, as does its third failure in a row."""
        if run not in self.runs or run.is_done:
            return False
        name = run.left[0][0]
        try:
            run.step()
            return True
        except TerminalError:
            self.runs.remove(run)
        except (LakeError, ReadTimeoutError, KilledError):
            if run.tries[name] >= MOST_TRIES:
                self.runs.remove(run)
        return False

    def require_chain(self) -> None:
        """The plan is an unbroken chain, what is planned stays as it is, and what is covered never moves back."""
        before, now = self.coverage, self.lake.coverage
        ends = [now.covered_through, *(one.end for one in now.plan)]
        for previous, one in zip(ends, now.plan, strict=False):
            assert isinstance(one, FullExport) or one.start == previous
        if before.covered_through is not None:
            assert now.covered_through is not None
            assert now.covered_through >= before.covered_through
        if not any(isinstance(one, FullExport) for one in now.plan):
            left = tuple(one for one in before.plan if now.covered_through is None or one.end > now.covered_through)
            assert now.plan[: len(left)] == left
        assert self.lake.world.violations == [], self.lake.world.violations
        self.coverage = now

    def settle(self) -> None:
        """All runs end where they are; then runs without a disturbance take everything."""
        world = self.lake.world
        world.crash_next_merge_before = None
        world.advance(timedelta(minutes=20))
        if self.lake.coverage.plan_end is None:
            SimulatedRun(world, "bootstrap").finish()
        SimulatedRun(world, "hourly").finish()


class Printed:
    """What rivals did, as a test that runs; formatted only where Hypothesis reports it (``note``)."""

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def __repr__(self) -> str:
        names = sorted({type(operation).__name__ for operation in self.operations})
        lines = "\n".join(f"        {operation!r}," for operation in self.operations)
        return (
            f"from {__name__} import {', '.join([*names, 'play'])}\n\n\n"
            f"def test_these_rivals() -> None:\n    play([\n{lines}\n    ])\n"
        )


def play(operations: list[Operation]) -> Lakeside:
    with lakeside(PIPELINE) as lake:
        rivals = Rivals(lake)
        rivals.play([Write(0, 1, True), Begin("bootstrap"), *operations])
        rivals.settle()
        lake.require_sound()
        return lake
