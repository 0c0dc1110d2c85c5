"""Spark and Iceberg end in the tables that the statements seen make, whatever the order, the batches and the crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.reference import mirrors
from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.engine import Engine, FileBatch, Found, ReferenceEngine
from tests.histories.operations import LONG_PAUSE, SECOND, Mend, Operation, Pass, Put, Run, operations
from tests.histories.printing import PrintedTest, note_test
from tests.histories.truth import truth_differences
from tests.spark.conftest import new_engine

# Schedules of windows, batches and crashes in the long run, twenty in all, and histories of other keys that share each of them.
SOUND, LOSSY, MENDED = 9, 9, 2
LANES = 10
SHORT: Any = {"lanes": LANES, "rounds": (2, 2), "most_runs": 1, "most_batches": 2, "always_begun": True}
MOST_MERGES = 5
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
# Hypothesis shrinks for five minutes at most; a history is some ten seconds on Spark.
SCHEDULES = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=QUIET,
)


def play(spark: SparkSession, folder: Path, history: list[Operation]) -> Driver:
    return play_on(lambda pipeline: new_engine(spark, pipeline, folder), history)


def play_on(engine_of: Callable[[Any], Engine], history: list[Operation]) -> Driver:
    mended, unmended = mended_declaration(), unmended_declaration()
    first = unmended if any(isinstance(one, Mend) for one in history) else mended
    driver = Driver(first, mended, engine_of(first))
    driver.play(history)
    driver.settle()
    return driver


class Rehearsal(ReferenceEngine):
    """The reference, which counts merges by what they did beside taking files, up to the end of ``settle``."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        self.kinds: Counter[str] = Counter()

    def apply(self, batch: FileBatch, crash_before: str | None) -> Found:
        before = dict(self.lake.mirrors)
        is_rebuild = batch.rebuild or self.lake.is_rebuild_pending
        found = super().apply(batch, crash_before)
        is_begun = all(mirror.floor is not None for mirror in before.values())
        self.kinds["rebuild"] += is_rebuild
        self.kinds["full export midway"] += is_begun and batch.full_export_at is not None
        self.kinds["purge"] += any(
            before[id].rows.keys() - mirror.rows.keys() for id, mirror in self.lake.mirrors.items()
        )
        return found


class Schedules:
    """Holds Spark to histories worth their time, and counts what these did."""

    def __init__(self, spark: SparkSession, folder: Path, *, lanes: int, most_merges: int) -> None:
        self.spark = spark
        self.folder = folder
        self.lanes = lanes
        self.most_merges = most_merges
        self.counts: Counter[str] = Counter()
        self.histories: set[str] = set()
        self.has_failed = False

    def hold(self, history: list[Operation]) -> None:
        """Play a history that merges windows, change files and repetitions before its end; one that failed may shrink to less."""
        histories = _lanes(history)
        assume(self.has_failed or len(histories) == self.lanes)
        note_test(PrintedTest(__name__, history, ("spark", "tmp_path")))
        with self._failing():
            rehearsed = play_on(Rehearsal, history)
        assume(self.has_failed or self._is_worth_it(rehearsed))
        with self._failing():
            assert truth_differences(play(self.spark, self.folder, history)) == []
        assert isinstance(rehearsed.engine, Rehearsal)
        self.counts.update(rehearsed.tally.counts + rehearsed.engine.kinds, schedules=1)
        self.histories |= histories

    def require(self, *, schedules: int, crashes: int, kinds: Mapping[str, int] | None = None) -> None:
        """Fail where the histories have become empty, few or all the same; ``kinds``: merges of a kind there must be."""
        assert self.counts["schedules"] == schedules
        assert len(self.histories) == schedules * self.lanes
        assert min(self.counts[kind] for kind in ("window", "change file", "again")) >= schedules
        assert self.counts["crash"] >= crashes
        assert {kind for kind, least in (kinds or {}).items() if self.counts[kind] < least} == set()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Remember that a history failed."""
        try:
            yield
        except Exception:
            self.has_failed = True
            raise

    def _is_worth_it(self, rehearsed: Driver) -> bool:
        counts = rehearsed.tally.counts
        is_whole = min(counts[kind] for kind in ("window", "change file", "again")) > 0
        return is_whole and rehearsed.merges <= self.most_merges


def _lanes(history: list[Operation]) -> set[str]:
    """The different histories that a schedule plays side by side."""
    lanes: dict[int, list[Any]] = {}
    for put in history:
        if isinstance(put, Put):
            lanes.setdefault(put.lane, []).append((put.side, put.item, put.image))
    return {repr(writes) for writes in lanes.values()}


def test_a_stream_and_a_chain_end_in_the_tables_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    schedules = Schedules(spark, tmp_path, lanes=1, most_merges=6)
    SCHEDULES(given(operations(is_lossy=False, rounds=(2, 4), always_begun=True))(schedules.hold))()
    schedules.require(schedules=3, crashes=1)


def test_a_history_that_the_rehearsal_finds_wrong_is_printed_and_may_shrink(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put, gone = Put("main", 0, {"createdAt": {"S": "2026-01-01"}}, 1), Put("main", 0, None, 1)
    history = st.just([put, Pass(SECOND), Run("bootstrap"), gone, Pass(SECOND), Run("bootstrap")])
    monkeypatch.setattr(mirrors, "_swept", lambda rows, at, run: {})
    schedules = Schedules(None, tmp_path, lanes=1, most_merges=9)
    with pytest.raises(AssertionError) as caught:
        SCHEDULES(given(history)(schedules.hold))()
    assert "test_this_history(spark, tmp_path)" in "".join(caught.value.__notes__)
    assert schedules.has_failed


@pytest.mark.deep
def test_many_histories_side_by_side_end_in_the_tables_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    schedules = Schedules(spark, tmp_path, lanes=LANES, most_merges=MOST_MERGES)
    settings(SCHEDULES, max_examples=SOUND)(given(operations(is_lossy=False, **SHORT))(schedules.hold))()
    schedules.require(schedules=SOUND, crashes=5)


@pytest.mark.deep
def test_the_chain_heals_what_the_stream_lost(spark: SparkSession, tmp_path: Path) -> None:
    schedules = Schedules(spark, tmp_path, lanes=LANES, most_merges=MOST_MERGES)
    settings(SCHEDULES, max_examples=LOSSY)(given(operations(is_lossy=True, **SHORT))(schedules.hold))()
    schedules.require(schedules=LOSSY, crashes=5)


@pytest.mark.deep
def test_histories_go_on_after_a_purge_a_mended_declaration_and_another_full_export(
    spark: SparkSession, tmp_path: Path
) -> None:
    one = {"lanes": LANES, "rounds": (1, 1), "most_runs": 1, "most_batches": 1, "always_begun": True}
    twice = st.tuples(*(operations(is_lossy=False, **one) for _ in range(2)))
    schedules = Schedules(spark, tmp_path, lanes=LANES, most_merges=9)
    histories = twice.map(lambda two: [*two[0], *LONG_PAUSE, Mend(), *two[1]])
    settings(SCHEDULES, max_examples=MENDED)(given(histories)(schedules.hold))()
    schedules.require(schedules=MENDED, crashes=1, kinds={"purge": 2, "full export midway": 2, "rebuild": 2})
