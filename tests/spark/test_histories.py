"""Spark and Iceberg end in the tables that the statements seen make, whatever the order, the batches and the crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pyspark.sql import SparkSession

from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.operations import Mend, Operation, operations
from tests.histories.printing import PrintedTest, note_test
from tests.spark.conftest import new_engine

# Schedules of windows, batches and crashes in the long run, and histories of other keys that share each of them.
SIDE_BY_SIDE = 20
LANES = 10
SHORT: Any = {"rounds": (2, 2), "most_runs": 1}
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)
SCHEDULES = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=QUIET,
)


def play(spark: SparkSession, folder: Path, history: list[Operation]) -> Driver:
    note_test(PrintedTest(__name__, history, ("spark", "tmp_path")))
    mended, unmended = mended_declaration(), unmended_declaration()
    first = unmended if any(isinstance(one, Mend) for one in history) else mended
    driver = Driver(first, mended, new_engine(spark, first, folder))
    driver.play(history)
    driver.settle()
    return driver


@SCHEDULES
@given(operations(is_lossy=False))
def test_a_stream_and_a_chain_end_in_the_tables_as_they_are(
    spark: SparkSession, tmp_path: Path, history: list[Operation]
) -> None:
    assert play(spark, tmp_path, history).truth_differences() == []


@pytest.mark.deep
@settings(SCHEDULES, max_examples=SIDE_BY_SIDE // 2)
@given(operations(is_lossy=True, lanes=LANES, **SHORT))
def test_the_chain_heals_what_the_stream_lost(spark: SparkSession, tmp_path: Path, history: list[Operation]) -> None:
    assert play(spark, tmp_path, history).truth_differences() == []


@pytest.mark.deep
@settings(SCHEDULES, max_examples=SIDE_BY_SIDE // 2)
@given(operations(is_lossy=False, lanes=LANES, **SHORT))
def test_many_histories_side_by_side_end_in_the_tables_as_they_are(
    spark: SparkSession, tmp_path: Path, history: list[Operation]
) -> None:
    assert play(spark, tmp_path, history).truth_differences() == []
