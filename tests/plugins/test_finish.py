"""Finish: what moves out of the inbox and off the plan; the pointer that is put back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError
from lake_airflow.lake_state import read_coverage
from lake_airflow.pipelines import Lake
from lake_airflow.steps.finish import NAMED_STUCK, finish
from lake_airflow.steps.publish import assert_pointer

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY, report_key
from include.dynamo_lake.published import Published
from tests.plugins.batches import build, finished, put_exports, report_of, told_plan
from tests.plugins.exports import WINDOW
from tests.plugins.fakes import FakeClients, context_of


def test_finish_moves_the_coverage_on_and_change_files_out(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    name = f"{lake.pipeline.main.id}/a.json.gz"
    clients.s3.objects[f"inbox/{name}"] = b"123"
    done, _ = finished(clients, lake, pipeline)
    assert done == {"covered_through": "2026-11-24T02:00:00Z", "planned": 0, "moved": 1, "stuck": []}
    assert read_coverage(clients.s3, lake.bucket).log == (WINDOW,)
    assert f"applied/{name}" in clients.s3.objects
    assert f"inbox/{name}" not in clients.s3.objects


def test_a_change_file_that_another_run_has_moved_is_skipped(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"] = b"123"
    _, batch = build(clients, pipeline)
    del clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"]
    assert finish(pipeline, **context_of(plan=told_plan(), batch=batch))["moved"] == 0


def put_changes(clients: FakeClients, lake: Lake, count: int) -> list[str]:
    keys = [f"inbox/{lake.pipeline.main.id}/{number:05}.json.gz" for number in range(count)]
    clients.s3.objects |= dict.fromkeys(keys, b"123")
    return keys


def test_change_files_move_side_by_side(
    clients: FakeClients, lake: Lake, pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_exports(clients, lake, records=3)
    keys = put_changes(clients, lake, 2)
    both, copy = Barrier(2, timeout=5), clients.s3.copy_object

    def meet(**arguments: Any) -> None:
        both.wait()
        copy(**arguments)

    monkeypatch.setattr(clients.s3, "copy_object", meet)
    assert finished(clients, lake, pipeline)[0]["moved"] == 2
    assert not clients.s3.objects.keys() & set(keys)


def test_moved_files_are_deleted_a_thousand_at_a_time(
    clients: FakeClients, lake: Lake, pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_exports(clients, lake, records=3)
    keys = put_changes(clients, lake, 2001)
    deleted, delete = [], clients.s3.delete_objects

    def count(**arguments: Any) -> dict[str, Any]:
        deleted.append(len(arguments["Delete"]["Objects"]))
        return delete(**arguments)

    monkeypatch.setattr(clients.s3, "delete_objects", count)
    assert finished(clients, lake, pipeline)[0]["moved"] == 2001
    assert deleted == [1000, 1000, 1]
    assert {key.replace("inbox/", "applied/") for key in keys} <= clients.s3.objects.keys()


@pytest.mark.parametrize("code", ["InvalidRequest", "InvalidObjectState", "AccessDenied", "KMS.DisabledException"])
def test_objects_that_s3_does_not_copy_are_told_and_hold_nothing_up(
    clients: FakeClients, lake: Lake, pipeline: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    put_exports(clients, lake, records=3)
    _, bad = put_changes(clients, lake, 2)
    clients.s3.objects["inbox/stray"] = b"foreign"
    clients.s3.stuck = {bad: code, "inbox/stray": code}
    done, _ = finished(clients, lake, pipeline)
    assert (done["covered_through"], done["moved"]) == ("2026-11-24T02:00:00Z", 1)
    assert [key for key in clients.s3.objects if key.startswith("inbox/")] == [bad, "inbox/stray"]
    assert [line for line in done["stuck"] if code in line and "stays in the inbox" in line] == done["stuck"]
    assert len(done["stuck"]) == 2
    assert caplog.text.count("Objects that stay in the inbox") == 2


def test_an_object_that_s3_does_not_delete_is_told_too(
    clients: FakeClients, lake: Lake, pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_exports(clients, lake, records=3)
    (key,) = put_changes(clients, lake, 1)
    kept = {"Errors": [{"Key": key, "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(clients.s3, "delete_objects", lambda **_: kept)
    done, _ = finished(clients, lake, pipeline)
    assert (done["moved"], len(done["stuck"])) == (0, 1)


def test_of_many_objects_that_are_stuck_the_first_are_named(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.stuck = dict.fromkeys(put_changes(clients, lake, NAMED_STUCK + 5), "AccessDenied")
    done, _ = finished(clients, lake, pipeline)
    assert done["stuck"][NAMED_STUCK:] == ["5 more objects stay in the inbox"]


def test_a_refusal_that_a_retry_may_mend_fails_the_try(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.stuck = dict.fromkeys(put_changes(clients, lake, 1), "SlowDown")
    with pytest.raises(ClientError, match="SlowDown"):
        finished(clients, lake, pipeline)


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
