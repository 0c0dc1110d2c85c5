"""A change file that is not what its manifest says fails the run before the first write, and is named."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from glue_scripts.merging.context import Progress
from glue_scripts.merging.merge import run_merge
from glue_scripts.storage.change_files import check_change_files
from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.manifests import BatchManifest, ExportFile
from tests.histories.engine import FileBatch
from tests.histories.tables import ChangeFile
from tests.spark.conftest import new_engine
from tests.spark.engine import SparkEngine, write_batch

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LINES = ('{"Item":{"userID":{"S":"u"},"campaignID":{"S":"c"},"createdAt":{"S":"2026-01-01"}}}',)


def truncated(body: bytes) -> bytes:
    return body[:-10]


def not_gzip(body: bytes) -> bytes:
    return b"plain text"


def not_json(body: bytes) -> bytes:
    return gzip.compress(b'{"Item": {"userID"\n')


def of_another_content(body: bytes) -> bytes:
    return gzip.compress(LINES[0].replace("2026", "2027").encode() + b"\n")


@pytest.fixture(scope="module")
def engine(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkEngine:
    return new_engine(spark, read_declaration("campaign"), tmp_path_factory.mktemp("change-files"))


def a_batch(engine: SparkEngine, batch_id: str) -> tuple[BatchManifest, ExportFile]:
    full = FullExport(NOW)
    files = (ChangeFile("user_campaign", full, "a", LINES), ChangeFile("campaign_info", full, "b", ()))
    manifest = write_batch(engine.store, engine.lake.pipeline, FileBatch(batch_id, files, NOW, None))
    return manifest, manifest.exports[0].files[0]


@pytest.mark.parametrize("damage", [truncated, not_gzip, not_json, of_another_content])
def test_a_damaged_file_is_named(engine: SparkEngine, damage: Callable[[bytes], bytes]) -> None:
    manifest, file = a_batch(engine, damage.__name__)
    engine.store.write(file.key, damage(engine.store.read(file.key)))
    with pytest.raises(ChangeFileError, match=file.key):
        engine.merge(manifest)


def test_another_count_than_the_manifests_is_named(engine: SparkEngine) -> None:
    manifest, file = a_batch(engine, "count")
    export = replace(manifest.exports[0], files=(replace(file, records=2),))
    with pytest.raises(ChangeFileError, match=file.key):
        engine.merge(replace(manifest, exports=(export, *manifest.exports[1:])))


def test_a_sound_file_after_the_damaged_ones_finds_nothing_written(engine: SparkEngine) -> None:
    manifest, _ = a_batch(engine, "sound")
    report = engine.merge(manifest)
    assert report.run == 1
    assert (report.statements["user_campaign"].read, report.statements["user_campaign"].applied) == (1, 1)


def test_a_line_that_spark_did_not_read_is_missing_in_the_reports_counts(
    engine: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, file = a_batch(engine, "short")
    monkeypatch.setattr("glue_scripts.merging.mirrors.find_unread", lambda *files, **kinds: {})
    checked = check_change_files(engine.store, manifest, engine.lake.pipeline)
    sizes = {**checked.sizes, file.key: replace(checked.sizes[file.key], lines=2)}
    report = run_merge(engine.lake, manifest, engine.store, sizes, progress=Progress())
    counts = report.statements["user_campaign"]
    assert (counts.read, counts.applied + counts.stale + counts.quarantined) == (2, 1)
