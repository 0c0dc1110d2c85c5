"""A mapping as AWS describes it, with AWS's defaults, from the record that the base keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.local_aws.base_functions import StreamName, parse_stream_arn
from include.local_aws.calls import Json

PARTIAL_RESPONSES = "ReportBatchItemFailures"
STREAM_HOURS = 24
DEFAULT_BATCH_SIZE = 100
_DEFAULTS: Json = {
    "BatchSize": DEFAULT_BATCH_SIZE,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "TumblingWindowInSeconds": 0,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "StartingPosition": "TRIM_HORIZON",
}


@dataclass(frozen=True)
class StreamMapping:
    """The settings that decide how records are delivered.

    `max_retries` None: until the record's age ends it. `max_age_s`: by the local clock; the stream's own 24 hours where
    the mapping sets none. `on_failure`: ARN of a queue, or None.
    """

    uuid: str
    stream: StreamName
    function_name: str
    account: str
    region: str
    enabled: bool
    batch_size: int
    window_s: float
    lanes: int
    bisects: bool
    partial_responses: bool
    max_retries: int | None
    max_age_s: int
    on_failure: str | None


def mapping_of(account: str, region: str, record: Json) -> StreamMapping | None:
    """Read the base's record; None where its source is no DynamoDB stream."""
    stream = parse_stream_arn(record["EventSourceArn"])
    if stream is None:
        return None
    described = {**_DEFAULTS, **{key: value for key, value in record.items() if value is not None}}
    retries, age_s = int(described["MaximumRetryAttempts"]), int(described["MaximumRecordAgeInSeconds"])
    return StreamMapping(
        uuid=record["UUID"],
        stream=stream,
        function_name=record["FunctionName"],
        account=account,
        region=region,
        enabled=is_true(record.get("Enabled", True)),
        batch_size=int(described["BatchSize"]),
        window_s=float(described["MaximumBatchingWindowInSeconds"]),
        lanes=int(described["ParallelizationFactor"]),
        bisects=is_true(described["BisectBatchOnFunctionError"]),
        partial_responses=PARTIAL_RESPONSES in described["FunctionResponseTypes"],
        max_retries=None if retries < 0 else retries,
        max_age_s=STREAM_HOURS * 3600 if age_s < 0 else age_s,
        on_failure=((described["DestinationConfig"] or {}).get("OnFailure") or {}).get("Destination"),
    )


def describe(record: Json, last_modified: float) -> Json:
    """The base's answer in AWS's shape: defaults filled in, numbers as numbers. `last_modified`: epoch seconds."""
    described = {**_DEFAULTS, **record, "LastModified": last_modified}
    for name, default in _DEFAULTS.items():
        if isinstance(default, bool):
            described[name] = is_true(described[name])
        elif isinstance(default, int):
            described[name] = int(described[name])
    return described


def is_true(value: Any) -> bool:
    """CloudFormation's booleans come as `true`, `"true"` or `"True"`."""
    return str(value).lower() == "true"
