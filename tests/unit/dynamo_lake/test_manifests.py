"""Batch manifests, export manifests and run reports."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.errors import ChangeFileError, TerminalError
from include.dynamo_lake.manifests import (
    BatchManifest,
    ExportFile,
    InboxFile,
    SourceExport,
    export_prefix,
    parse_export_files,
    with_batch_id,
)
from include.dynamo_lake.reports import (
    Phase,
    QuarantineCounts,
    RowCounts,
    RunReport,
    SourceQuarantine,
    StatementCounts,
    TableState,
)
from include.dynamo_lake.windows import Window

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)
EXPORT = SourceExport("main", WINDOW, "arn", export_prefix("main", WINDOW), (ExportFile("k", 3, 10, "m", "e"),))
MANIFEST = BatchManifest(
    "",
    "campaign",
    "dag",
    "run",
    NOW,
    NOW,
    (WINDOW, FullExport(NOW)),
    (WINDOW,),
    (EXPORT,),
    (InboxFile("main", "inbox/x", 1, "e"),),
)


def test_a_manifest_survives_being_written() -> None:
    assert BatchManifest.from_json(MANIFEST.to_json()) == MANIFEST
    before_bootstrap = replace(MANIFEST, covered_through=None, action="rebuild")
    assert BatchManifest.from_json(before_bootstrap.to_json()) == before_bootstrap
    assert MANIFEST.records == 3


def test_a_batch_id_is_the_same_for_a_retry_and_another_for_a_cleared_run() -> None:
    assert with_batch_id(MANIFEST, "a") == with_batch_id(MANIFEST, "a")
    assert with_batch_id(MANIFEST, "a") != with_batch_id(MANIFEST, "b")
    assert with_batch_id(MANIFEST, "a").batch_id.startswith("20261124T020000Z-")


def test_another_version_is_refused() -> None:
    with pytest.raises(ChangeFileError, match="version"):
        BatchManifest.from_json(json.dumps({"version": 2}))
    with pytest.raises(TerminalError, match="version"):
        RunReport.from_json("{}")


def test_an_exports_prefix_names_source_and_item() -> None:
    assert export_prefix("main", WINDOW) == "exports/main/window-20261124T010000Z-20261124T020000Z/"


def test_an_exports_files_add_up_to_its_summary() -> None:
    line = b'{"itemCount": 2, "md5Checksum": "m", "etag": "e", "dataFileS3Key": "k"}\n'
    assert parse_export_files(b'{"itemCount": 4}', line + b"\n" + line) == (ExportFile("k", 2, 0, "m", "e"),) * 2
    with pytest.raises(ChangeFileError, match="names 2 items in 1 files, its summary 4"):
        parse_export_files(b'{"itemCount": 4}', line)


def test_a_run_report_survives_being_written() -> None:
    report = RunReport(
        batch_id="b",
        pipeline="campaign",
        job_run_id="jr",
        run=7,
        started_at="2026-11-24T02:00:00Z",
        finished_at="2026-11-24T02:01:00Z",
        windows=({"start": "2026-11-24T01:00:00Z", "end": "2026-11-24T02:00:00Z"},),
        full_export_at=None,
        statements={"main": StatementCounts(3, 1, 1, 1, 1, 10)},
        rows=RowCounts(1, 2, 3),
        items={"affected": 1, "without_rows": 0},
        quarantine=QuarantineCounts(1, 1, 0, 0.5, {"createdAt: timestamp": 1}, {"main": SourceQuarantine(1, 2)}),
        nulled_fields={},
        repeated_lookup_entries=0,
        tables={"t": TableState(1, "s3://m", committed=True)},
        derived_through=7,
        days=("2026-11-24",),
        rows_total=1,
        bytes_written=2,
        peak_memory_bytes=3,
        phases=(Phase("read", 1.5),),
    )
    assert RunReport.from_json(report.to_json()) == report
