"""Batches of one planned window over fake clients: its exports, the tables' heads, what the job and the tasks told."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lake_airflow.pipelines import Lake
from lake_airflow.steps.batch import build_batch
from lake_airflow.steps.finish import finish

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.manifests import export_prefix
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import QuarantineCounts, RowCounts, RunReport
from tests.plugins.exports import ITEM, WINDOW, put_export
from tests.plugins.fakes import FakeClients, context_of

EMPTY_REPORT = RunReport(
    batch_id="b1",
    pipeline="p",
    job_run_id="jr",
    run=1,
    started_at="",
    finished_at="",
    windows=(),
    full_export_at=None,
    statements={},
    rows=RowCounts(0, 0, 0),
    items={},
    quarantine=QuarantineCounts(0, 0, 0, 0.0, {}),
    nulled_fields={},
    repeated_lookup_entries=0,
    tables={},
    derived_through=1,
    days=(),
    rows_total=0,
    bytes_written=0,
    peak_memory_bytes=0,
)


def told_plan(nonce: str = "n1", items: Any = (ITEM,)) -> dict[str, Any]:
    covered = "2026-11-24T01:00:00Z"
    return {
        "now": "2026-11-24T02:00:03Z",
        "nonce": nonce,
        "covered_through": covered,
        "items": list(items),
        "replayed": [],
        "notes": [],
        "action": "merge",
        "compared": None,
    }


def put_exports(clients: FakeClients, lake: Lake, records: int, **summary: Any) -> None:
    for source in lake.sources:
        put_export(clients.s3, export_prefix(source.id, WINDOW), records, billedSizeBytes=5_000_000, **summary)


def put_changes(clients: FakeClients, lake: Lake, *names: str, size: int = 3) -> list[str]:
    keys = [f"inbox/{lake.pipeline.main.id}/{name}.json.gz" for name in names]
    clients.s3.objects |= dict.fromkeys(keys, b"x" * size)
    return keys


def build(clients: FakeClients, pipeline: str, run_id: str = "r1", nonce: str = "n1") -> tuple[str, dict[str, Any]]:
    context = {**context_of(plan=told_plan(nonce)), "dag": SimpleNamespace(dag_id="d"), "run_id": run_id}
    next_task = build_batch(pipeline, **context)
    return next_task, context["ti"].xcoms["me", "batch"]


def put_table(
    clients: FakeClients,
    lake: Lake,
    table: str,
    summary: dict[str, str],
    snapshot_id: int = 1,
    properties: dict[str, str] | None = None,
) -> None:
    content: dict[str, Any] = {"current-snapshot-id": snapshot_id, "properties": properties or {}}
    content["snapshots"] = [{"snapshot-id": snapshot_id, "summary": summary}]
    key = f"warehouse/{table}/metadata/1.json"
    clients.s3.objects[key] = json.dumps(content).encode()
    parameters = {"metadata_location": f"s3://{lake.bucket}/{key}"}
    clients.glue.put_table(lake.settings.lake_database, {"Name": table, "Parameters": parameters})


def put_published(clients: FakeClients, snapshot_id: int = 1) -> None:
    record = Published(snapshot_id, "s3://x", 4, 1, "u", "b", "2026-11-24T02:00:00Z")
    clients.s3.objects[PUBLISHED_KEY] = record.to_json().encode()


def finished(clients: FakeClients, lake: Lake, pipeline: str) -> tuple[dict[str, Any], dict[str, Any]]:
    coverage = Coverage(covered_through=WINDOW.end.replace(hour=1), since=WINDOW.end.replace(hour=0), plan=(WINDOW,))
    clients.s3.objects[COVERAGE_KEY] = coverage.to_json().encode()
    _, batch = build(clients, pipeline)
    context = context_of(plan=told_plan(), batch=batch)
    return finish(pipeline, **context), context


def report_of(batch_id: str, **told: Any) -> bytes:
    return replace(EMPTY_REPORT, batch_id=batch_id, **told).to_json().encode()
