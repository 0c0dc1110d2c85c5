"""Inbox files that move while Spark reads them, or that only Spark finds unreadable: the rest of the batch goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from glue_scripts.merge_job import describe_error
from glue_scripts.merging import mirrors
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import ChangeFileError
from tests.histories.engine import FileBatch
from tests.histories.story import DAY_1, ONE_TASK, full
from tests.histories.tables import ChangeFile
from tests.spark.engine import write_batch
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


HEAD = '{"Metadata":{"WriteTimestampMicros":{"N":"1"},"ApproximateCreationSecond":1},"SequenceNumber":"7","Keys":'
LATER_LINES = {
    "other-key": HEAD + '{"nope":{"S":"x"}}}',
    "broken-json": HEAD + '{"userID":{"S":"x"},,}}',
    "two-lines": HEAD + '{"userID":{"S":"x"},"campaignID":{"S":"c"}}}\r{}}',
}


def test_a_later_line_that_only_looks_right_puts_its_file_aside_and_the_rest_is_applied(
    spark: SparkSession, tmp_path: Path
) -> None:
    story = SparkStory(spark, read_declaration("campaign"), tmp_path)
    source = story.pipeline.main.id
    good, other = (story.tables.stream_line(story.put(2, item=item)) for item in (0, 1))
    files = [ChangeFile(source, None, f"inbox/{source}/good.json.gz", (good,))]
    odd = {f"inbox/{source}/{name}.json.gz": line for name, line in LATER_LINES.items()}
    files += [ChangeFile(source, None, name, (other, line)) for name, line in odd.items()]
    manifest = write_batch(story.engine.store, story.pipeline, FileBatch("b", tuple(files), story.now, None))
    report = story.engine.merge(manifest)
    assert report.set_aside.keys() == odd.keys()
    counts = report.statements[source]
    assert (counts.files, counts.read, counts.applied, report.rows.inserted) == (1, 1, 1, 1)


def test_a_runs_error_is_one_line_of_javas_text_and_all_of_our_own() -> None:
    java = RuntimeError(
        "An error occurred while calling o1.count.\n: java.io.IOException: gone\n\tat a.B\n\t... 3 more"
    )
    assert describe_error(java) == (
        "RuntimeError: An error occurred while calling o1.count. : java.io.IOException: gone"
    )
    assert describe_error(ChangeFileError("x is truncated")) == "ChangeFileError: x is truncated"
