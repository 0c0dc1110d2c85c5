"""Rules of the merge as it is deployed, left out one at a time: their histories see it on Spark too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.commits.tables import LakeTable
from glue_scripts.merging import merge, mirror_plans, target
from glue_scripts.merging.context import Merge
from include.dynamo_lake.declaration import read_declaration
from tests.spark.story import SparkStory
from tests.unit.dynamo_lake import test_counterexamples as histories

pytestmark = pytest.mark.deep

Patch = pytest.MonkeyPatch


def look_on_the_mirrors_days_alone(patch: Patch) -> None:
    patch.setattr(Merge, "has_leftovers", property(lambda self: False))


def count_runs_from_the_mirrors(patch: Patch) -> None:
    right = merge._number

    def number(lake: Any, *arguments: Any, **options: Any) -> Merge:
        run = 1 + max(lake.mirror(source.id).marks().run for source in lake.pipeline.sources)
        return replace(right(lake, *arguments, **options), run=run)

    patch.setattr(merge, "_number", number)


def forget_the_floor(patch: Patch) -> None:
    marks = LakeTable.marks
    patch.setattr(LakeTable, "marks", lambda table: replace(marks(table), floor=None))


def forget_what_is_absent_from_a_full_export(patch: Patch) -> None:
    patch.setattr(mirror_plans, "_swept_at", lambda merge, source: None)


def leave_looked_up_rows(patch: Patch) -> None:
    lookup_changes = target.lookup_changes
    patch.setattr(target, "lookup_changes", lambda *arguments: lookup_changes(*arguments).where("false"))


MUTANTS: dict[Callable[[Patch], None], str] = {
    look_on_the_mirrors_days_alone: "rows_on_the_old_day_go_when_the_run_that_moved_the_item_crashed",
    count_runs_from_the_mirrors: "the_run_number_counts_from_derived_through_too",
    forget_the_floor: "a_late_window_does_not_bring_back_what_a_full_export_found_gone",
    forget_what_is_absent_from_a_full_export: "a_full_export_that_repairs_a_gap_removes_the_target_rows_of_what_is_gone",
    leave_looked_up_rows: "a_moved_deadline_reaches_rows_whose_own_item_did_not_change",
}


@pytest.mark.parametrize(("mutate", "history"), MUTANTS.items(), ids=[mutate.__name__ for mutate in MUTANTS])
def test_a_rule_left_out_breaks_its_history(
    spark: SparkSession, tmp_path: Path, monkeypatch: Patch, mutate: Callable[[Patch], None], history: str
) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        getattr(histories, f"test_{history}")(SparkStory(spark, read_declaration("campaign"), tmp_path))
