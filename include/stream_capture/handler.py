"""The function's entry: write what the records say, wake the on-change run, tell what could not be written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.dynamo_lake.wake_ups import build_wake_up
from include.stream_capture.change_files import StreamBatch, build_batches
from include.stream_capture.metrics import build_metrics
from include.stream_capture.settings import Settings, read_settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

# Well inside the function's time limit: what AWS does not answer becomes a retry of the batch.
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True)
class Outlets:
    """Where the function writes; made once per execution environment."""

    settings: Settings
    s3: S3Client
    sqs: SQSClient


@cache
def _outlets() -> Outlets:
    return Outlets(read_settings(os.environ), boto3.client("s3", config=_CONFIG), boto3.client("sqs", config=_CONFIG))


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one invocation of the event source mapping: a partial batch response."""
    return capture(event, _outlets(), print)


def capture(event: dict[str, Any], outlets: Outlets, log: Callable[[str], None]) -> dict[str, Any]:
    """Write the records of one event. A repeated event overwrites its own files.

    Returns ``{"batchItemFailures": [{"itemIdentifier": <sequence number>}]}``: from there on the records are to be
    delivered again, because S3 or SQS refused. Raises what has no sequence number to name.
    """
    written: list[tuple[StreamBatch, str]] = []
    failed: list[StreamBatch] = []
    for batch in build_batches(event["Records"], outlets.settings.sources):
        try:
            written.append((batch, _commit_batch(batch, outlets)))
        except (BotoCoreError, ClientError) as error:
            _log_failure(batch, error, log)
            failed.append(batch)
    news = [batch for batch, _ in written if batch.lines]
    if news:
        try:
            _commit_wake_up(news, outlets)
        except (BotoCoreError, ClientError) as error:
            # The files are there; without the message a pipeline that has no schedule would not look for them.
            _log_failure(news[0], error, log)
            failed += news
    for batch, metrics in written:
        if batch not in failed:
            log(metrics)  # what is delivered again is counted then
    return {"batchItemFailures": [{"itemIdentifier": batch.first_sequence_number} for batch in failed]}


def _commit_batch(batch: StreamBatch, outlets: Outlets) -> str:
    """Put what is refused aside, then write the change file; returns the line of metrics."""
    present: datetime | None = None
    file_bytes = 0
    if batch.rejected:
        present = _put(outlets, batch.rejected_key, batch.rejected_file())
    if batch.lines:
        content = batch.inbox_file()
        file_bytes = len(content)
        present = _put(outlets, batch.inbox_key, content)
    assert present is not None, "a batch has at least one record"
    counts = {"Records": len(batch.lines), "RejectedRecords": len(batch.rejected), "FileBytes": file_bytes}
    oldest = min((line.second for line in batch.lines), default=None)
    age_s = None if oldest is None else present.timestamp() - oldest
    return build_metrics(outlets.settings.pipeline, batch.source, counts, age_s, present)


def _put(outlets: Outlets, key: str, content: bytes) -> datetime:
    """Put one object under the bucket's default encryption; returns AWS's present, from the answer."""
    answer = outlets.s3.put_object(Bucket=outlets.settings.bucket, Key=key, Body=content)
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _commit_wake_up(batches: list[StreamBatch], outlets: Outlets) -> None:
    """Send one message: a wake-up call, never the list of work."""
    body = build_wake_up(outlets.settings.pipeline, (batch.inbox_key for batch in batches))
    outlets.sqs.send_message(QueueUrl=outlets.settings.wake_up_queue_url, MessageBody=body)


def _log_failure(batch: StreamBatch, error: Exception, log: Callable[[str], None]) -> None:
    if batch.first_sequence_number is None:
        raise error
    message = f"{batch.source}: the records from {batch.first_sequence_number} on are to be delivered again: {error}"
    log(json.dumps({"level": "ERROR", "message": message}))
