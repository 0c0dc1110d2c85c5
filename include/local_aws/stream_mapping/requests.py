"""The operations on mappings: what AWS refuses is refused before the base sees it; answers get AWS's shape."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.local_aws import base_functions
from include.local_aws.calls import AwsError, Json
from include.local_aws.clock import Clock
from include.local_aws.stream_mapping.model import DEFAULT_BATCH_SIZE, PARTIAL_RESPONSES, describe
from include.local_aws.stream_mapping.running import READ_ACTIONS

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

Send = Callable[[Json], Awaitable[None]]
_PATH = "/2015-03-31/event-source-mappings"
_BOUNDS = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRetryAttempts": (-1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
}
_LEAST_AGE_S = 60
_WRITTEN = frozenset({"POST", "PUT"})


def concerns(path: str) -> bool:
    """Whether a request is one of the operations on mappings."""
    return path.rstrip("/").startswith(_PATH)


def check(aws: LocalAws, method: str, body: bytes, account: str, region: str) -> None:
    """Raise what AWS answers to a request that it refuses, or that nothing here would act on."""
    if method not in _WRITTEN:
        return
    content: Json = json.loads(body or b"{}")
    check_settings(content)
    if method == "POST":
        _check_source(aws, content, account, region)


def check_settings(content: Json) -> None:
    """The settings of a mapping, from a request or from a template."""
    for name, (least, most) in _BOUNDS.items():
        if name in content and not least <= int(content[name]) <= most:
            raise _invalid(f"{name} is {content[name]}: it must be {least} to {most}")
    if 0 <= int(content.get("MaximumRecordAgeInSeconds", -1)) < _LEAST_AGE_S:
        raise _invalid(f"MaximumRecordAgeInSeconds must be -1 or at least {_LEAST_AGE_S}")
    if unknown := set(content.get("FunctionResponseTypes") or ()) - {PARTIAL_RESPONSES}:
        raise _invalid(f"FunctionResponseTypes: {', '.join(sorted(unknown))} is unknown")
    if content.get("FilterCriteria"):
        raise _refusal("FilterCriteria", "nothing would be filtered")
    if int(content.get("TumblingWindowInSeconds") or 0):
        raise _refusal("TumblingWindowInSeconds", "no window would be kept")
    destination = ((content.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if destination and not str(destination).startswith("arn:aws:sqs:"):
        raise _refusal(f"the failure destination {destination}", "only queues get failure records")


def _check_source(aws: LocalAws, content: Json, account: str, region: str) -> None:
    arn = str(content.get("EventSourceArn", ""))
    stream = base_functions.parse_stream_arn(arn)
    if stream is None:
        raise _refusal(f"a mapping of {arn}", "only DynamoDB streams are read")
    if content.get("StartingPosition") not in ("TRIM_HORIZON", "LATEST"):
        raise _invalid("StartingPosition of a DynamoDB stream must be TRIM_HORIZON or LATEST")
    if not base_functions.is_active(stream):
        raise _invalid(f"Stream not found: {arn}")
    function = base_functions.find_function(account, region, str(content.get("FunctionName", "")))
    if function is None:
        return  # the base says so in AWS's words
    _check_alone(arn, str(function["FunctionArn"]))
    identity = base_functions.execution_identity(function)
    try:
        for action in READ_ACTIONS:
            aws.authorize_identity(identity, action, arn, region)
    except AwsError as error:
        raise _invalid(
            "Cannot access stream. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, "
            f"and ListStreams Actions on your stream in IAM. {error.message}"
        ) from error


def _check_alone(stream_arn: str, function_arn: str) -> None:
    for _, _, mapping in base_functions.mapping_records():
        if (mapping.get("EventSourceArn"), mapping.get("FunctionArn")) == (stream_arn, function_arn):
            message = (
                f"An event source mapping with event source ({stream_arn}) and function ({function_arn}) already exists. "
                f"Please update or delete the existing mapping with UUID {mapping.get('UUID')}"
            )
            raise AwsError("ResourceConflictException", message, 409)


def reshaping_send(send: Send, clock: Clock, method: str, request: bytes) -> Send:
    """A `send` that gives the base's answer AWS's shape."""
    takes_default_size = method == "POST" and "BatchSize" not in json.loads(request or b"{}")
    started: Json = {}
    chunks: list[bytes] = []

    async def collect(message: Json) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        chunks.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(chunks)
        if started["status"] < 300:
            body = _reshaped(body, clock, takes_default_size)
        headers = [pair for pair in started["headers"] if pair[0].lower() != b"content-length"]
        await send({**started, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return collect


def _reshaped(body: bytes, clock: Clock, takes_default_size: bool) -> bytes:
    content: Any = json.loads(body or b"{}")
    if takes_default_size:
        base_functions.set_batch_size(content["UUID"], DEFAULT_BATCH_SIZE)
        content["BatchSize"] = DEFAULT_BATCH_SIZE
    if "EventSourceMappings" in content:
        content["EventSourceMappings"] = [_described(one, clock) for one in content["EventSourceMappings"]]
    elif "UUID" in content:
        content = _described(content, clock)
    return json.dumps(content).encode()


def _described(record: Json, clock: Clock) -> Json:
    modified = clock.local_time_of(datetime.fromtimestamp(record["LastModified"], UTC))
    return describe(record, modified.timestamp())


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def _refusal(what: str, why: str) -> AwsError:
    return AwsError("NotImplementedByLocalAws", f"local AWS refuses {what}: {why}", 501)
