"""Spark and Iceberg end in the tables that the statements seen make, whatever the order, the batches and the crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from pyspark.sql import SparkSession

from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.engine import Engine, ReferenceEngine
from tests.histories.operations import Mend, Operation, Put, operations
from tests.histories.printing import PrintedTest, note_test
from tests.histories.truth import truth_differences
from tests.spark.conftest import new_engine

# Schedules of windows, batches and crashes in the long run, and histories of other keys that share each of them.
SIDE_BY_SIDE = 20
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
    note_test(PrintedTest(__name__, history, ("spark", "tmp_path")))
    return play_on(lambda pipeline: new_engine(spark, pipeline, folder), history)


def play_on(engine_of: Callable[[Any], Engine], history: list[Operation]) -> Driver:
    mended, unmended = mended_declaration(), unmended_declaration()
    first = unmended if any(isinstance(one, Mend) for one in history) else mended
    driver = Driver(first, mended, engine_of(first))
    driver.play(history)
    driver.settle()
    return driver


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
        rehearsed = play_on(ReferenceEngine, history)
        assume(self.has_failed or self._is_worth_it(rehearsed))
        try:
            assert truth_differences(play(self.spark, self.folder, history)) == []
        except Exception:
            self.has_failed = True
            raise
        self.counts.update(rehearsed.tally.counts, schedules=1)
        self.histories |= histories

    def require(self, *, schedules: int, crashes: int) -> None:
        """Fail where the histories have become empty, few or all the same."""
        assert self.counts["schedules"] == schedules
        assert len(self.histories) == schedules * self.lanes
        assert min(self.counts[kind] for kind in ("window", "change file", "again")) >= schedules
        assert self.counts["crash"] >= crashes

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
    schedules = Schedules(spark, tmp_path, lanes=1, most_merges=9)
    SCHEDULES(given(operations(is_lossy=False, rounds=(2, 4), always_begun=True))(schedules.hold))()
    schedules.require(schedules=3, crashes=1)


@pytest.mark.deep
def test_many_histories_side_by_side_end_in_the_tables_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    schedules = Schedules(spark, tmp_path, lanes=LANES, most_merges=MOST_MERGES)
    settings(SCHEDULES, max_examples=SIDE_BY_SIDE // 2)(given(operations(is_lossy=False, **SHORT))(schedules.hold))()
    schedules.require(schedules=10, crashes=5)


@pytest.mark.deep
def test_the_chain_heals_what_the_stream_lost(spark: SparkSession, tmp_path: Path) -> None:
    schedules = Schedules(spark, tmp_path, lanes=LANES, most_merges=MOST_MERGES)
    settings(SCHEDULES, max_examples=SIDE_BY_SIDE // 2)(given(operations(is_lossy=True, **SHORT))(schedules.hold))()
    schedules.require(schedules=10, crashes=5)
