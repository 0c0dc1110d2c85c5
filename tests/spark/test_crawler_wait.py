"""The target does not change while the output crawler runs; everything else of a merge does not wait for it."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import read_declaration
from tests.histories.story import DAY_3, full, window
from tests.spark.story import SparkStory


def test_the_target_waits_for_the_crawler(spark: SparkSession, tmp_path: Path) -> None:
    story = SparkStory(spark, read_declaration("campaign"), tmp_path)
    story.put(1)
    story.merge(full(5))
    lake = story.engine.lake
    head, seen = lake.target.snapshot_id(), []
    mirrors = [lake.mirror(source.id) for source in lake.pipeline.sources]
    story.engine.wait_for_crawler = lambda: seen.append((
        [mirror.marks().run for mirror in mirrors],
        lake.target.snapshot_id(),
    ))
    story.put(6, DAY_3)
    story.put_deadline(6, "2026-05-01")
    story.merge(window(5, 8))
    assert seen == [([2, 2], head)]
    assert lake.target.marks().derived_through == 2
