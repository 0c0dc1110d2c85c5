"""An inbox file that another run applies and moves while Spark reads it: the rest of the batch goes on without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.merge_job import describe_error
from glue_scripts.merging import mirrors
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import ChangeFileError
from tests.histories.story import DAY_1, ONE_TASK, full
from tests.spark.story import SparkStory


def test_a_file_that_moves_while_spark_reads_is_left_out_and_the_rest_is_applied(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = SparkStory(spark, read_declaration("campaign"), tmp_path)
    story.merge(full(1))
    writes = [story.put(2 + item / 4, {**DAY_1, **ONE_TASK}, item=item) for item in (0, 1)]
    measure = mirrors._measure

    def move_one_then_measure(merge: Any, plans: Any) -> None:
        (story.engine.store.folder / merge.manifest.inbox[0].key).unlink(missing_ok=True)
        measure(merge, plans)

    monkeypatch.setattr(mirrors, "_measure", move_one_then_measure)
    story.merge(*writes)
    report = story.engine.report
    assert report is not None
    counts = report.statements[story.pipeline.main.id]
    assert (counts.files, counts.read, counts.applied) == (1, 1, 1)
    assert report.rows.inserted == 1


def test_a_runs_error_is_one_line_of_javas_text_and_all_of_our_own() -> None:
    java = RuntimeError(
        "An error occurred while calling o1.count.\n: java.io.IOException: gone\n\tat a.B\n\t... 3 more"
    )
    assert describe_error(java) == (
        "RuntimeError: An error occurred while calling o1.count. : java.io.IOException: gone"
    )
    assert describe_error(ChangeFileError("x is truncated")) == "ChangeFileError: x is truncated"
