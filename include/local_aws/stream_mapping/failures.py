"""The message that a failure destination gets: addresses of the records, never the records themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from include.local_aws.calls import Json
from include.local_aws.stream_mapping.delivery import Attempt, Invocation

SHARD_ID = "shardId-00000000000000000000-00000000"


def build_failure(
    attempt: Attempt, condition: str, last: Invocation | None, function_arn: str, stream_arn: str, now: datetime
) -> Json:
    """The invocation record; without a call there is no `responseContext`."""
    first, final = (attempt.records[place]["dynamodb"] for place in (0, -1))
    message: Json = {
        "requestContext": {
            "requestId": last.request_id if last else "",
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": attempt.invocations,
        },
        "version": "1.0",
        "timestamp": _iso(now.timestamp(), "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": SHARD_ID,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": final["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"], "seconds"),
            "approximateArrivalOfLastRecord": _iso(final["ApproximateCreationDateTime"], "seconds"),
            "batchSize": len(attempt.records),
            "streamArn": stream_arn,
        },
    }
    if last is not None:
        context: Json = {"statusCode": last.status, "executedVersion": "$LATEST"}
        message["responseContext"] = {**context, "functionError": last.function_error}
    return message


def _iso(epoch_s: float, precision: str) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
