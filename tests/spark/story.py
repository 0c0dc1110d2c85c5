"""Short histories by hand, played on Spark: the lake is shown as the reference shows its own."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from glue_scripts.commits.tables import LakeTable
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.dynamodb_json import json_text, parse_json
from include.dynamo_lake.reference import Lake, Mirror, MirrorRow, QuarantineRow, Target
from include.dynamo_lake.versions import Version
from tests.histories.story import Story
from tests.spark.conftest import new_engine
from tests.spark.engine import SparkEngine


class SparkStory(Story):
    """The same verbs; ``lake`` is read from the tables, anew only where a table has a new snapshot."""

    engine: SparkEngine

    def __init__(self, spark: SparkSession, pipeline: Pipeline, folder: Path) -> None:
        super().__init__(pipeline)
        self.spark = spark
        self.folder = folder
        self.engine = new_engine(spark, pipeline, folder)
        self.shown: dict[tuple[str, int], Any] = {}

    def under(self, pipeline: Pipeline) -> SparkStory:
        return SparkStory(self.spark, pipeline, self.folder)

    @property
    def lake(self) -> Lake:
        lake = self.engine.lake
        mirrors = {source.id: self._once(lake.mirror(source.id), self._mirror) for source in lake.pipeline.sources}
        quarantine = self._once(lake.quarantine, self._quarantine)
        return Lake(lake.pipeline, mirrors, quarantine, self._once(lake.target, self._target))

    def _once(self, table: LakeTable, read: Any) -> Any:
        name = (table.name, table.snapshot_id())
        if name not in self.shown:
            self.shown[name] = read(table)
        return self.shown[name]

    def _mirror(self, table: LakeTable) -> Mirror:
        rows = {}
        for row in table.read().collect():
            assert row["key"] not in rows, "a key has two rows"
            image = None if row["image"] is None else json_text(parse_json(row["image"]))
            version = Version(row["version_at"].replace(tzinfo=UTC), row["version_kind"], row["version_sequence"])
            rows[row["key"]] = MirrorRow(image, version, row["day"], row["run"])
        marks = table.marks()
        return Mirror(rows, marks.run, marks.floor, marks.rebuild)

    def _target(self, table: LakeTable) -> Target:
        return Target(self.engine.tables().target, table.marks().derived_through)

    def _quarantine(self, table: LakeTable) -> dict[tuple[str, str], QuarantineRow]:
        shown = self.engine.tables().quarantine
        written = {(row["source"], row["key"]): (row["batch_id"], row["run"]) for row in table.read().collect()}
        return {name: QuarantineRow(*shown[name], *written[name]) for name in shown}
