"""The export's task: an export is reused where it exists, started once where not, waited for, named where it fails."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from lake_airflow.errors import DeadlineError, ExportFailedError, ExportRefusedError, WaitFailedError
from lake_airflow.exports import build_export_request
from lake_airflow.operators.export import DynamoDBExportOperator
from lake_airflow.triggers.base import LATE
from lake_airflow.triggers.export import ExportEndedTrigger, PauseTrigger

from include.dynamo_lake.windows import Window
from tests.plugins.exports import ITEM, PREFIX, TABLE, WINDOW, put_finished, put_started
from tests.plugins.fakes import NOW, FakeClients, context_of


def operator(**arguments: Any) -> DynamoDBExportOperator:
    own = {"item": ITEM, **arguments}
    return DynamoDBExportOperator(task_id="export", source="orders", table_arn=TABLE, bucket="b", key_arn="key", **own)


def deferral(task: DynamoDBExportOperator, event: Any = None) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context_of(), event)
    return caught.value


def restorable(clients: FakeClients, latest: Any = NOW) -> None:
    clients.dynamodb.recovery["orders"] = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": NOW - timedelta(days=1),
        "LatestRestorableDateTime": latest,
    }


def test_an_item_without_an_export_gets_one_and_waits_for_it_deferred(clients: FakeClients) -> None:
    restorable(clients)
    waiting = deferral(operator())
    (request,) = clients.dynamodb.requests
    assert request["ExportType"] == "INCREMENTAL_EXPORT"
    assert request["IncrementalExportSpecification"] == {
        "ExportFromTime": WINDOW.start if isinstance(WINDOW, Window) else None,
        "ExportToTime": WINDOW.end,
        "ExportViewType": "NEW_IMAGE",
    }
    assert (request["S3Prefix"] + "/", request["S3SseKmsKeyId"]) == (PREFIX, "key")
    assert isinstance(waiting.trigger, ExportEndedTrigger)
    assert waiting.trigger.deadline - time.time() == pytest.approx(3 * 3600, abs=30)


def test_a_finished_export_is_reused_and_nothing_asked_of_dynamodb(clients: FakeClients) -> None:
    arn = put_finished(clients)
    assert operator().execute(context_of())["export_arn"] == arn
    assert clients.dynamodb.requests == []


def test_a_running_export_is_waited_for_and_no_other_started(clients: FakeClients) -> None:
    arn = put_started(clients, "0001", "IN_PROGRESS")
    assert deferral(operator()).trigger.return_value == arn
    assert clients.dynamodb.requests == []


def test_a_finished_export_counts_more_than_a_later_failed_one(clients: FakeClients) -> None:
    arn = put_finished(clients, "0001")
    put_started(clients, "0002", "FAILED")
    assert operator().execute(context_of())["export_arn"] == arn


def test_a_lost_answer_finds_the_same_export_again(clients: FakeClients) -> None:
    restorable(clients)
    first = deferral(operator()).trigger.return_value
    assert deferral(operator()).trigger.return_value == first
    assert len(clients.dynamodb.exports) == 1


def test_after_a_finished_exports_files_were_deleted_another_is_started(clients: FakeClients) -> None:
    restorable(clients)
    first = deferral(operator()).trigger.return_value
    clients.dynamodb.exports[first]["ExportStatus"] = "COMPLETED"
    second = deferral(operator()).trigger.return_value
    assert second != first
    assert deferral(operator()).trigger.return_value == second
    assert len(clients.dynamodb.exports) == 2


def test_a_finished_export_without_its_manifests_is_as_good_as_failed(clients: FakeClients) -> None:
    restorable(clients)
    put_started(clients, "0000", "COMPLETED")
    assert deferral(operator()).trigger.return_value == f"{TABLE}/export/0001"


def test_an_export_that_ends_between_the_look_and_the_start_is_reused(
    clients: FakeClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    restorable(clients)
    first = deferral(operator()).trigger.return_value
    export = clients.dynamodb.export_table_to_point_in_time

    def after_it_ended(**request: Any) -> dict[str, Any]:
        clients.dynamodb.exports[first]["ExportStatus"] = "COMPLETED"
        put_finished(clients, first.rpartition("/")[2])
        return export(**request)

    monkeypatch.setattr(clients.dynamodb, "export_table_to_point_in_time", after_it_ended)
    assert operator().execute(context_of())["export_arn"] == first
    assert len(clients.dynamodb.exports) == 1


def test_after_a_failed_export_another_is_started_under_another_token(clients: FakeClients) -> None:
    restorable(clients)
    put_started(clients, "0000", "FAILED")
    waiting = deferral(operator())
    assert waiting.trigger.return_value == f"{TABLE}/export/0001"
    expected = build_export_request("b", PREFIX, TABLE, WINDOW, "key", 1)["ClientToken"]
    assert clients.dynamodb.requests[0]["ClientToken"] == expected


def test_a_failed_export_that_left_no_trace_in_the_bucket_does_not_block_the_next(clients: FakeClients) -> None:
    restorable(clients)
    lost = deferral(operator()).trigger.return_value
    clients.dynamodb.exports[lost]["ExportStatus"] = "FAILED"
    assert deferral(operator()).trigger.return_value != lost


def test_a_window_that_cannot_be_restored_yet_is_waited_for_deferred(clients: FakeClients) -> None:
    restorable(clients, WINDOW.end - timedelta(minutes=5))
    waiting = deferral(operator())
    assert isinstance(waiting.trigger, PauseTrigger)
    assert (waiting.method_name, clients.dynamodb.requests) == ("execute", [])
    assert waiting.trigger.until - time.time() == pytest.approx(300, abs=30)
    restorable(clients)
    event = {"deadline": waiting.trigger.deadline}
    assert deferral(operator(), event).trigger.deadline == waiting.trigger.deadline


def test_a_window_that_is_too_far_ahead_is_an_error_that_names_both_instants(clients: FakeClients) -> None:
    restorable(clients, WINDOW.end - timedelta(hours=9))
    with pytest.raises(DeadlineError, match=r"9:00:00 after what table orders can restore \(2026-11-23T17:00:00Z\)"):
        operator().execute(context_of())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("TableNotFoundException", "create the table"),
        ("PointInTimeRecoveryUnavailableException", "switch point-in-time recovery on"),
        ("InvalidExportTimeException", "run the bootstrap DAG"),
        ("ExportConflictException", "same token"),
    ],
)
def test_a_refusal_is_named_with_its_remedy_and_not_retried(clients: FakeClients, code: str, words: str) -> None:
    restorable(clients)
    clients.dynamodb.refuse = code
    with pytest.raises(ExportRefusedError, match=words) as caught:
        operator().execute(context_of())
    assert code in str(caught.value)
    assert "source orders" in str(caught.value)


def test_too_many_exports_at_once_is_worth_a_retry(clients: FakeClients) -> None:
    restorable(clients)
    clients.dynamodb.refuse = "LimitExceededException"
    with pytest.raises(ExportFailedError, match="300 exports"):
        operator().execute(context_of())


def ended(arn: str, status: str = "success") -> dict[str, Any]:
    return {"export_arn": arn, "status": status, "message": "m", "deadline": 0.0}


def test_a_completed_export_is_the_result(clients: FakeClients) -> None:
    arn = put_started(clients, "0001", "COMPLETED")
    result = operator().execute_complete(context_of(), ended(arn))
    assert result == {"source": "orders", "item": ITEM, "export_arn": arn, "prefix": f"s3://b/{PREFIX}"}


def test_a_failed_export_is_told_with_dynamodbs_code(clients: FakeClients) -> None:
    arn = put_started(clients, "0001", "FAILED")
    with pytest.raises(ExportFailedError, match="S3AccessDenied"):
        operator().execute_complete(context_of(), ended(arn))


def test_at_its_ceiling_the_wait_ends_and_says_that_the_export_goes_on(clients: FakeClients) -> None:
    arn = put_started(clients, "0001", "IN_PROGRESS")
    with pytest.raises(DeadlineError, match="goes on"):
        operator().execute_complete(context_of(), ended(arn, LATE))


def test_a_wait_that_fails_says_that_the_export_goes_on_and_a_retry_takes_it_up(clients: FakeClients) -> None:
    arn = put_started(clients, "0001", "IN_PROGRESS")
    with pytest.raises(WaitFailedError, match="goes on"):
        operator().execute_complete(context_of(), ended(arn, "error"))
    assert deferral(operator()).trigger.return_value == arn
    assert clients.dynamodb.requests == []


def test_a_mapped_task_is_labelled_with_its_source_and_window() -> None:
    night = {"kind": "window", "start": "2026-11-24T23:00:00Z", "end": "2026-11-25T01:00:00Z"}
    whole = {"kind": "full", "at": "2026-11-24T01:02:03Z"}
    labels = [operator(item=item).label for item in (ITEM, night, whole)]
    assert labels == [
        "orders 2026-11-24 01:00 to 02:00",
        "orders 2026-11-24 23:00 to 2026-11-25 01:00",
        "orders, whole, 2026-11-24 01:02",
    ]
