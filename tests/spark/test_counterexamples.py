"""The short histories that broke earlier versions of the merge, each against Spark: the very tests of the reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import read_declaration
from tests.spark.story import SparkStory
from tests.spark.test_histories import play
from tests.unit.dynamo_lake import test_counterexamples, test_reconciliation
from tests.unit.dynamo_lake import test_plan_counterexamples as of_the_plan
from tests.unit.test_counterexamples_document import named_tests_by_row

# One history of each kind of step is in every run, the others are long together.
QUICK = {
    "test_an_item_recreated_on_another_day_within_a_window_leaves_nothing_on_the_old_day",
    "test_rows_on_the_old_day_go_when_the_run_that_moved_the_item_crashed",
    "test_a_replay_after_the_purge_does_not_bring_back_what_was_deleted",
    "test_a_moved_deadline_reaches_rows_whose_own_item_did_not_change",
    "test_a_full_export_and_later_windows_in_one_batch_keep_every_live_item",
    "test_a_full_export_that_finishes_a_crashed_rebuild_sweeps_what_is_gone",
}
MODULES = (test_counterexamples, test_reconciliation)


def tests_of_the_reference() -> list[tuple[str, Callable[..., None]]]:
    return [member for module in MODULES for member in inspect.getmembers(module, inspect.isfunction)]


def histories() -> Iterator[Any]:
    """Every test of the reference that takes a story, with its parameters."""
    for name, test in tests_of_the_reference():
        if not name.startswith("test_") or "story" not in inspect.signature(test).parameters:
            continue
        marks = [] if name in QUICK else [pytest.mark.deep]
        parameters = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        cases = [{mark.args[0]: value} for mark in parameters for value in mark.args[1]] or [{}]
        for number, case in enumerate(cases):
            yield pytest.param(test, case, id=f"{name.removeprefix('test_')}-{number}", marks=marks)


@pytest.mark.parametrize(("history", "case"), histories())
def test_spark_ends_as_the_reference_does(
    spark: SparkSession, tmp_path: Path, history: Callable[..., None], case: dict[str, object]
) -> None:
    history(SparkStory(spark, read_declaration("campaign"), tmp_path), **case)


def plan_histories() -> Iterator[Any]:
    """Every test of the plan's histories."""
    for name, test in inspect.getmembers(of_the_plan, inspect.isfunction):
        if name.startswith("test_"):
            yield pytest.param(test, id=name.removeprefix("test_"))


@pytest.mark.deep
@pytest.mark.parametrize("history", plan_histories())
def test_spark_ends_as_the_reference_does_with_planned_runs(
    spark: SparkSession, tmp_path: Path, history: Callable[..., None]
) -> None:
    history(lambda operations: play(spark, tmp_path, operations))


# A finished export outlives point-in-time recovery, and a crawl keeps away from a merge: rules of the tasks and the job around the merge.
NOT_OF_THE_TABLES = {20, 22}


def test_every_row_of_the_document_that_is_about_the_tables_is_played_on_spark() -> None:
    played = {history.values[0].__name__ for history in (*histories(), *plan_histories())}
    rows = {row for row, names in named_tests_by_row().items() if not played & set(names)}
    assert rows == NOT_OF_THE_TABLES


def test_every_quick_history_is_one_of_the_references() -> None:
    assert not QUICK - {name for name, _ in tests_of_the_reference()}
