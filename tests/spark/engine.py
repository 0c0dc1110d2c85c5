"""Histories played on Spark and Iceberg: the merge as it is deployed, over a folder and a local catalog."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC
from pathlib import Path

from pyspark.sql import SparkSession

from glue_scripts.merging.context import Lake, Progress
from glue_scripts.merging.merge import run_merge
from glue_scripts.storage.change_files import check_change_files
from include.dynamo_lake.coverage import FullExport, PlanItem, item_id
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.dynamodb_json import json_text, parse_json
from include.dynamo_lake.manifests import Action, BatchManifest, ExportFile, InboxFile, SourceExport
from include.dynamo_lake.reference import MergeCrashedError, Row, Tables
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.typing_rules import Rejection
from include.dynamo_lake.versions import Version
from include.dynamo_lake.windows import Window
from tests.histories.engine import FileBatch, Found
from tests.histories.tables import ChangeFile
from tests.spark.folder_store import FolderStore


class SparkEngine:
    """One lake of its own; ``report``: of the last merge that went through, ``wait_for_crawler``: what merges call."""

    def __init__(self, spark: SparkSession, pipeline: Pipeline, folder: Path, database: str) -> None:
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {database}")
        self.store = FolderStore(folder)
        self.lake = Lake(spark, pipeline, database, None)
        self.report: RunReport | None = None
        self.wait_for_crawler: Callable[[], None] = lambda: None

    def apply(self, batch: FileBatch, crash_before: str | None) -> Found:
        report = self.merge(write_batch(self.store, self.lake.pipeline, batch), crash_before)
        found: Found = {source: {} for source in report.reconciled.sources} if report.reconciled else {}
        for path in sorted(self.store.folder.glob(f"runs/{batch.batch_id}/differences/*/*.jsonl")):
            for line in path.read_text().splitlines():
                one = json.loads(line)
                found[one["source"]][one["key"]] = one["kind"]
        return found

    def mend(self, pipeline: Pipeline) -> None:
        self.lake = Lake(self.lake.spark, pipeline, self.lake.database, None)

    def merge(self, manifest: BatchManifest, crash_before: str | None = None) -> RunReport:
        def crash(step: str) -> None:
            if step == crash_before:
                raise MergeCrashedError(step)

        files = check_change_files(self.store, manifest, self.lake.pipeline)
        assert files.set_aside == {}
        self.report = run_merge(
            self.lake,
            manifest,
            self.store,
            files.sizes,
            progress=Progress(),
            wait_for_crawler=self.wait_for_crawler,
            before_commit=crash,
        )
        if crash_before is not None:
            raise MergeCrashedError(crash_before)
        return self.report

    def tables(self) -> Tables:
        pipeline = self.lake.pipeline
        if not self.lake.spark.catalog.tableExists(f"{self.lake.database}.{pipeline.target.table}"):
            return Tables({source.id: {} for source in pipeline.sources}, {}, {})
        mirrors = {source.id: self._mirror(source.id) for source in pipeline.sources}
        return Tables(mirrors, self._target(), self._quarantine())

    def _mirror(self, source_id: str) -> dict[str, tuple[Version, str]]:
        rows = self.lake.mirror(source_id).read().where("image IS NOT NULL").collect()
        assert len({row["key"] for row in rows}) == len(rows), "a key has two rows"
        return {row["key"]: (_version(row), json_text(parse_json(row["image"]))) for row in rows}

    def _target(self) -> dict[str, tuple[Row, ...]]:
        pipeline = self.lake.pipeline
        position = next(column.name for column in pipeline.target.columns if column.origin == "position")
        keys = [column.name for column in pipeline.key_columns]
        items: dict[str, list[Row]] = {}
        for row in self.lake.target.read().collect():
            parts = zip(pipeline.main.key, keys, strict=True)
            key = json_text([{attribute.type: str(row[name])} for attribute, name in parts])
            items.setdefault(key, []).append(row.asDict())
        return {key: tuple(sorted(rows, key=lambda row: int(str(row[position])))) for key, rows in items.items()}

    def _quarantine(self) -> dict[tuple[str, str], tuple[Version, Rejection]]:
        rows = self.lake.quarantine.read().collect()
        found = {
            (row["source"], row["key"]): (_version(row), Rejection(row["path"], row["value"], row["rule"]))
            for row in rows
        }
        assert len(found) == len(rows), "an item is quarantined twice"
        return found


def write_batch(store: FolderStore, pipeline: Pipeline, batch: FileBatch) -> BatchManifest:
    """Write a batch's files and name them in a manifest."""
    exports: list[SourceExport] = []
    inbox: list[InboxFile] = []
    for file in batch.files:
        if file.item is None:
            body = _packed(file)
            store.write(file.name, body)
            inbox.append(InboxFile(file.source, file.name, len(body), ""))
        else:
            exports.append(_write_export(store, f"exports/{batch.batch_id}", file, file.item))
    state = batch.state
    compared = state and tuple(
        _write_export(store, f"exports/{batch.batch_id}-state", f, f.item) for f in state.files if f.item
    )
    action: Action = "merge" if state is None else "repair" if state.repair else "compare"
    return BatchManifest(
        batch_id=batch.batch_id,
        pipeline=pipeline.name,
        dag_id="",
        run_id="",
        now=batch.now,
        covered_through=batch.covered_through,
        items=tuple(dict.fromkeys(export.item for export in exports)),
        replayed=(),
        exports=tuple(exports),
        inbox=tuple(inbox),
        action="rebuild" if batch.rebuild else action,
        compared=compared or (),
    )


def _write_export(store: FolderStore, prefix: str, file: ChangeFile, item: PlanItem) -> SourceExport:
    body = _packed(file)
    key = f"{prefix}/{file.source}/{item_id(item)}/data/0.json.gz"
    store.write(key, body)
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    files = (ExportFile(key, len(file.lines), len(body), md5, ""),)
    return SourceExport(file.source, item, "", key, files if file.lines else ())


def _packed(file: ChangeFile) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in file.lines).encode())


def _version(row: object) -> Version:
    return Version(row["version_at"].replace(tzinfo=UTC), row["version_kind"], row["version_sequence"])  # type: ignore[index]


__all__ = ["ChangeFile", "FullExport", "Iterable", "SparkEngine", "Window", "write_batch"]
