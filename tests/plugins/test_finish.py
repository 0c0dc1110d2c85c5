"""Finish: what moves out of the inbox and off the plan; the pointer that is put back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from lake_airflow.lake_state import read_coverage
from lake_airflow.pipelines import Lake
from lake_airflow.steps.finish import finish
from lake_airflow.steps.publish import assert_pointer

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY, report_key
from include.dynamo_lake.published import Published
from tests.plugins.batches import WINDOW, build, finished, put_exports, report_of, told_plan
from tests.plugins.fakes import FakeClients, context_of


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
