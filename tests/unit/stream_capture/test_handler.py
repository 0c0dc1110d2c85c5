"""The function: what it writes, when it wakes, what it asks to be delivered again, what it measures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from include.stream_capture.handler import Outlets, capture
from include.stream_capture.settings import MissingVariableError, Settings, read_settings
from tests.unit.stream_capture.records import MAIN, PIPELINE, SECOND, SOURCES, as_event, record

DATE = "Tue, 24 Nov 2026 02:00:30 GMT"
PRESENT = 1_795_485_630


class Remote:
    """S3 and SQS in memory; ``refuses`` names the keys (or ``wake-up``) that are answered with an error."""

    def __init__(self, refuses: Callable[[str], bool] = lambda key: False) -> None:
        self.refuses = refuses
        self.objects: dict[str, bytes] = {}
        self.messages: list[dict[str, Any]] = []

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self._check(Key)
        self.objects[Key] = Body
        return {"ResponseMetadata": {"HTTPHeaders": {"date": DATE}}}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803 - boto3's names
        self._check("wake-up")
        self.messages.append(json.loads(MessageBody))

    def _check(self, key: str) -> None:
        if self.refuses(key):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "Put")


def run(remote: Remote, *records: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Sequence numbers to deliver again, and the log."""
    settings = Settings(PIPELINE.name, "the-bucket", "the-queue", SOURCES)
    log: list[str] = []
    answer = capture(as_event(*records), Outlets(settings, cast(Any, remote), cast(Any, remote)), log.append)
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]], [json.loads(line) for line in log]


def test_a_batch_becomes_one_file_and_one_message() -> None:
    remote = Remote()
    failures, _ = run(remote, record(1), record(2))
    assert failures == []
    (key,) = remote.objects
    assert remote.messages == [{"pipeline": PIPELINE.name, "keys": [key]}]


def test_nothing_but_poison_wakes_nobody() -> None:
    remote = Remote()
    failures, _ = run(remote, record(1, NewImage=None))
    assert failures == []
    assert [key.split("/")[:2] for key in remote.objects] == [["rejected", MAIN.id]]
    assert remote.messages == []


def test_what_s3_refuses_is_to_be_delivered_again_from_its_first_record() -> None:
    lookup = PIPELINE.lookup_source
    assert lookup is not None
    remote = Remote(lambda key: key.startswith(f"inbox/{MAIN.id}/"))
    failures, log = run(remote, record(3), record(4), record(5, source=lookup))
    assert failures == [f"{3:021d}"]
    assert [key.split("/")[1] for key in remote.objects] == [lookup.id]
    assert len(remote.messages) == 1
    assert "SlowDown" in log[0]["message"]


def test_poison_that_cannot_be_put_aside_is_delivered_again() -> None:
    failures, _ = run(Remote(lambda key: key.startswith("rejected/")), record(1), record(2, NewImage=None))
    assert failures == [f"{1:021d}"]


def test_without_the_message_the_batch_is_delivered_again() -> None:
    remote = Remote(lambda key: key == "wake-up")
    failures, log = run(remote, record(1))
    assert failures == [f"{1:021d}"]
    assert [line["level"] for line in log] == ["ERROR"], "its records are counted once they are done"
    again = Remote()
    run(again, record(1))
    assert again.objects == remote.objects


def test_what_has_no_sequence_number_to_name_fails_the_invocation() -> None:
    with pytest.raises(ClientError, match="SlowDown"):
        run(Remote(lambda key: True), {"eventID": "foreign"})


def test_counts_and_the_age_of_the_oldest_record_are_metrics() -> None:
    _, (metrics,) = run(Remote(), record(5), record(2), record(7, NewImage=None))
    assert (metrics["Pipeline"], metrics["Source"]) == (PIPELINE.name, MAIN.id)
    assert (metrics["Records"], metrics["RejectedRecords"]) == (2, 1)
    assert metrics["OldestRecordAge"] == PRESENT - (SECOND + 2) == 28
    (declared,) = metrics["_aws"]["CloudWatchMetrics"]
    assert metrics["_aws"]["Timestamp"] == PRESENT * 1000
    units = {one["Name"]: one["Unit"] for one in declared["Metrics"]}
    assert units == {"Records": "Count", "RejectedRecords": "Count", "FileBytes": "Bytes", "OldestRecordAge": "Seconds"}
    assert units.keys() <= metrics.keys()
    assert declared["Dimensions"] == [["Pipeline"], ["Pipeline", "Source"]]


def test_missing_variables_are_named_at_once() -> None:
    with pytest.raises(MissingVariableError, match="BUCKET, WAKE_UP_QUEUE_URL"):
        read_settings({"PIPELINE": PIPELINE.name})


def test_the_declaration_names_the_sources() -> None:
    given = {"PIPELINE": PIPELINE.name, "BUCKET": "b", "WAKE_UP_QUEUE_URL": "q"}
    assert read_settings(given).sources.keys() == SOURCES.keys()
