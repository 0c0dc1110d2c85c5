"""Batch, finish and announce: what is named, what moves, what is told."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from lake_airflow.costs import Usage, estimate_cost, read_prices
from lake_airflow.errors import ExportFailedError
from lake_airflow.lake_state import read_coverage
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.announce import announce, build_asset, event_key
from lake_airflow.steps.batch import build_batch, read_manifest
from lake_airflow.steps.finish import finish
from lake_airflow.steps.publish import assert_pointer
from lake_airflow.xcoms import CHECK_CONTRACT, FINISH, GLUE_JOB

from include.dynamo_lake.coverage import Coverage, item_from_json
from include.dynamo_lake.manifests import export_prefix
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY, manifest_key, report_key
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import QuarantineCounts, RowCounts, RunReport, WriteTimes
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.windows import parse_instant
from tests.plugins.fakes import FakeClients, context_of

ITEM = {"kind": "window", "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T02:00:00Z"}
WINDOW = item_from_json(ITEM)


@pytest.fixture
def lake(clients: FakeClients, pipeline: str) -> Lake:
    return read_lake(pipeline)


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
        prefix = export_prefix(source.id, WINDOW)
        key = f"{prefix}AWSDynamoDB/data/x.json.gz"
        line = {"itemCount": records, "md5Checksum": "m", "etag": "e", "dataFileS3Key": key}
        clients.s3.objects[key] = b"12345"
        for name, content in (
            ("files", line),
            ("summary", {"itemCount": records, "billedSizeBytes": 5_000_000, **summary}),
        ):
            body = json.dumps(content).encode()
            stem = f"{prefix}AWSDynamoDB/0001/manifest-{name}"
            clients.s3.objects[f"{stem}.json"] = body
            clients.s3.objects[f"{stem}.md5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest())


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


def test_statements_lead_to_the_merge_and_are_all_named(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"] = b"123"
    next_task, batch = build(clients, pipeline)
    manifest = read_manifest(lake, batch["batch_id"])
    assert next_task == GLUE_JOB
    assert {export.source for export in manifest.exports} == {source.id for source in lake.sources}
    assert [file.key for file in manifest.inbox] == [f"inbox/{lake.pipeline.main.id}/a.json.gz"]
    assert (manifest.records, manifest.items) == (3 * len(lake.sources), (WINDOW,))
    assert batch["manifest"] == f"s3://{lake.bucket}/{manifest_key(batch['batch_id'])}"


def test_a_retry_names_the_same_batch_a_cleared_run_another(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    ids = [
        build(clients, pipeline, run_id, nonce)[1]["batch_id"]
        for run_id, nonce in (("r1", "n1"), ("r1", "n1"), ("r1", "n2"), ("r2", "n1"))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(one.startswith("20261124T020003Z-") for one in ids)


def test_an_empty_window_over_a_clean_published_lake_goes_straight_to_finish(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"})
    for mirror in lake.mirrors:
        put_table(clients, lake, mirror, {"lake.run": "4"})
    put_published(clients)
    assert build(clients, pipeline)[0] == FINISH


def test_rows_that_a_crashed_merge_left_dirty_need_a_merge(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"})
    put_table(clients, lake, lake.mirrors[-1], {"lake.run": "5"})
    put_published(clients)
    assert build(clients, pipeline)[0] == GLUE_JOB


def test_a_head_that_readers_do_not_see_needs_a_merge_and_its_verification(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"}, snapshot_id=2)
    put_published(clients, snapshot_id=1)
    assert build(clients, pipeline)[0] == GLUE_JOB


@pytest.mark.parametrize(
    ("maintained_at", "run", "due_at", "next_task"),
    [
        ("2026-11-23T02:00:00Z", 3, None, GLUE_JOB),  # merge 4 came after it, and a day has passed
        ("2026-11-24T00:30:00Z", 3, None, FINISH),
        ("2026-11-10T02:00:00Z", 4, None, FINISH),
        ("2026-11-10T02:00:00Z", 4, "2026-11-24T02:00:00Z", GLUE_JOB),
        ("2026-11-10T02:00:00Z", 4, "2026-11-24T02:30:00Z", FINISH),
    ],
)
def test_an_idle_lake_needs_spark_only_where_maintenance_has_something_to_take_away(
    clients: FakeClients,
    lake: Lake,
    pipeline: str,
    maintained_at: str,
    run: int,
    due_at: str | None,
    next_task: str,
) -> None:
    put_exports(clients, lake, records=0)
    last = Maintenance(parse_instant(maintained_at), run, parse_instant(due_at) if due_at else None)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"}, properties=last.to_properties())
    for mirror in lake.mirrors:
        put_table(clients, lake, mirror, {"lake.run": "4"})
    put_published(clients)
    assert build(clients, pipeline)[0] == next_task


def test_an_inbox_file_alone_needs_a_merge(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=0)
    clients.s3.objects[f"inbox/{lake.sources[-1].id}/a.json.gz"] = b"123"
    assert build(clients, pipeline)[0] == GLUE_JOB


def test_an_export_that_is_not_there_is_named(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    with pytest.raises(ExportFailedError, match=f"source {lake.pipeline.main.id}.*clear export"):
        build(clients, pipeline)


def finished(clients: FakeClients, lake: Lake, pipeline: str) -> tuple[dict[str, Any], dict[str, Any]]:
    coverage = Coverage(covered_through=WINDOW.end.replace(hour=1), since=WINDOW.end.replace(hour=0), plan=(WINDOW,))
    clients.s3.objects[COVERAGE_KEY] = coverage.to_json().encode()
    _, batch = build(clients, pipeline)
    context = context_of(plan=told_plan(), batch=batch)
    return finish(pipeline, **context), context


def test_finish_moves_the_coverage_on_and_change_files_out(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    name = f"{lake.pipeline.main.id}/a.json.gz"
    clients.s3.objects[f"inbox/{name}"] = b"123"
    done, _ = finished(clients, lake, pipeline)
    assert done == {"covered_through": "2026-11-24T02:00:00Z", "planned": 0, "moved": 1}
    assert read_coverage(clients.s3, lake.bucket).log == (WINDOW,)
    assert f"applied/{name}" in clients.s3.objects
    assert f"inbox/{name}" not in clients.s3.objects


def test_a_change_file_that_another_run_has_moved_is_skipped(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"] = b"123"
    _, batch = build(clients, pipeline)
    del clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"]
    assert finish(pipeline, **context_of(plan=told_plan(), batch=batch))["moved"] == 0


def test_a_run_that_finishes_after_a_longer_one_changes_nothing(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=3)
    _, batch = build(clients, pipeline)
    further = Coverage(covered_through=datetime(2026, 11, 24, 5, tzinfo=UTC))
    clients.s3.objects[COVERAGE_KEY] = further.to_json().encode()
    finish(pipeline, **context_of(plan=told_plan(), batch=batch))
    assert read_coverage(clients.s3, lake.bucket) == further


def report_of(batch_id: str, **told: Any) -> bytes:
    nothing = RunReport(
        batch_id=batch_id,
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
    return replace(nothing, **told).to_json().encode()


def test_a_file_that_the_job_could_not_read_goes_to_rejected_with_the_reason(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=3)
    good, bad = (f"{lake.pipeline.main.id}/{name}.json.gz" for name in ("good", "bad"))
    clients.s3.objects |= {f"inbox/{good}": b"123", f"inbox/{bad}": b"12"}
    _, batch = build(clients, pipeline)
    report = report_of(batch["batch_id"], set_aside={f"inbox/{bad}": "it is truncated"})
    clients.s3.objects[report_key(batch["batch_id"])] = report
    assert finish(pipeline, **context_of(plan=told_plan(), batch=batch))["moved"] == 1
    assert {f"applied/{good}", f"rejected/{bad}"} <= clients.s3.objects.keys()
    assert json.loads(clients.s3.objects[f"rejected/{bad}.reason.json"])["reason"] == "it is truncated"
    assert not [key for key in clients.s3.objects if key.startswith("inbox/")]


class Outlets(dict[Any, Any]):
    def __missing__(self, asset: Any) -> Any:
        return self.setdefault(asset, SimpleNamespace(extra=None))


def test_the_event_tells_windows_completeness_lag_bytes_and_cost(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms |= {
        (FINISH, "return_value"): done,
        (CHECK_CONTRACT, "return_value"): ["attribute mood is new"],
        ("verify.a", "return_value"): 12,
        ("crawl", "return_value"): "c",
    }
    outlets = Outlets()
    extra = announce(
        pipeline, ("verify.a", "verify.b"), ("crawl", "crawl_skipped"), {**context, "outlet_events": outlets}
    )
    assert outlets[build_asset(lake)].extra == extra
    assert extra["windows"] == ["[2026-11-24T01:00:00Z, 2026-11-24T02:00:00Z)"]
    assert (extra["complete_through"], extra["lag_s"]) == ("2026-11-24T02:00:00Z", 3)
    assert extra["bytes"] == {"exported": 5_000_000 * len(lake.sources), "written": 0, "scanned": 12}
    assert extra["cost_usd"]["exports"] == "0.0020"
    assert extra["cost_usd"]["crawls"] == "0.1467"
    assert extra["contract_warnings"] == ["attribute mood is new"]
    batch_id = extra["batch_id"]
    assert json.loads(clients.s3.objects[event_key(batch_id)]) == extra
    (line,) = clients.logs.messages[lake.settings.run_log, batch_id]
    assert json.loads(line)["LagHours"] == round(3 / 3600, 3)


@pytest.mark.parametrize(("started", "count"), [("2026-11-24T02:00:02.999Z", 0), ("2026-11-24T02:00:03.001Z", 1)])
def test_the_cost_has_the_exports_that_the_run_started_alone(
    clients: FakeClients, lake: Lake, pipeline: str, started: str, count: int
) -> None:
    put_exports(clients, lake, records=0, startTime=started)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert extra["bytes"]["exported"] == 5_000_000 * len(lake.sources) * count
    assert Decimal(extra["cost_usd"]["exports"]) == Decimal("0.0010") * len(lake.sources) * count


def test_the_minimum_of_an_incremental_export_is_none_of_a_full_one() -> None:
    prices = {**read_prices(), "export_full_per_gb": Decimal("0.2")}
    assert estimate_cost(Usage((), 0.0, 0, (), (1_000_000,)), prices)["exports"] == "0.0002"
    assert estimate_cost(Usage((1_000_000,), 0.0, 0, ()), prices)["exports"] == "0.0010"


def test_the_event_tells_how_long_changes_took_and_how_many_files_were_put_aside(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    batch = context["ti"].xcoms["merge.build_batch", "batch"]
    batch["foreign"] = [["inbox/a", "why"], ["inbox/b", "why"]]
    written = WriteTimes(100, oldest="2026-11-24T01:50:00Z", p95="2026-11-24T01:58:00Z", median="2026-11-24T01:59:30Z")
    report = report_of(batch["batch_id"], written=written, set_aside={"inbox/x": "why"})
    clients.s3.objects[report_key(batch["batch_id"])] = report
    record = Published(1, "s3://x", 4, 1, "u", batch["batch_id"], "2026-11-24T02:00:00Z")
    clients.s3.objects[PUBLISHED_KEY] = record.to_json().encode()
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert extra["latency_s"] == {"p50": 30, "p95": 120, "max": 600}
    assert extra["rejected_files"] == 3


def test_a_run_that_had_nothing_due_tells_nothing(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    context = context_of(plan=told_plan(items=()), batch={"batch_id": "b", "foreign": []})
    with pytest.raises(AirflowSkipException):
        announce(pipeline, (), (), context)


@pytest.mark.parametrize(
    ("told", "foreign"),
    [
        ({"notes": ["a message is foreign"]}, []),
        ({"contract_warnings": ["a stream is off"]}, []),
        ({}, [["inbox/x", "why"]]),
    ],
)
def test_a_run_that_only_put_something_aside_or_warns_tells_it(
    clients: FakeClients, lake: Lake, pipeline: str, told: dict[str, Any], foreign: list[list[str]]
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    context["ti"].xcoms["plan", "plan"] = {**told_plan(items=()), **told}
    context["ti"].xcoms["merge.build_batch", "batch"]["foreign"] = foreign
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert (extra["notes"], extra["contract_warnings"]) == (told.get("notes", []), told.get("contract_warnings", []))
    assert extra["rejected_files"] == len(foreign)


def test_a_pointer_moved_by_hand_is_put_back_and_the_warning_names_who_may_crawl(
    clients: FakeClients, lake: Lake, pipeline: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = "warehouse/metadata.json"
    schema = {"schema-id": 0, "fields": [{"name": "a", "type": "string"}]}
    content = {"location": "s3://x/t", "table-uuid": "u", "schemas": [schema], "current-schema-id": 0}
    clients.s3.objects[key] = json.dumps(content).encode()
    record = Published(1, f"s3://{lake.bucket}/{key}", 4, 1, "u", "b", "2026-11-24T02:00:00Z")
    clients.s3.objects[PUBLISHED_KEY] = record.to_json().encode()
    clients.glue.put_table(
        lake.readers.database, {"Name": lake.target, "Parameters": {"metadata_location": "s3://elsewhere"}}
    )
    with caplog.at_level("WARNING"):
        assert assert_pointer(pipeline) == "s3://elsewhere"
    assert "s3://elsewhere" in caplog.text
    assert "glue:StartCrawler on it from everybody but the pipeline's Airflow role" in caplog.text
    assert assert_pointer(pipeline) is None
