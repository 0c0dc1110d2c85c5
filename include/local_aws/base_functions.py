"""The door to the base's Lambda and its streams: mappings as it keeps them, functions' roles, stream records.

The base keeps the mappings (its API and its CloudFormation write them); who reads the streams and calls the functions
is `stream_mapping`: the base's own poller knows no batching window, no retries, no bisecting and no partial responses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ministack.core.lambda_runtime import execution_credentials
from ministack.services import dynamodb, lambda_svc

from include.local_aws import base
from include.local_aws.calls import Identity, Json


def keep_own_poller_off() -> None:
    """Let the base believe that its poller runs already: it starts none."""
    lambda_svc._poller_started = True


@dataclass(frozen=True)
class StreamName:
    """What a stream's ARN says."""

    arn: str
    account: str
    region: str
    table: str


def parse_stream_arn(arn: str) -> StreamName | None:
    """The parts of `arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>`; None for any other ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "dynamodb":
        return None
    resource = parts[5].split("/")
    if len(resource) != 4 or (resource[0], resource[2]) != ("table", "stream"):
        return None
    return StreamName(arn, parts[4], parts[3], resource[1])


@dataclass(frozen=True)
class StreamPage:
    """Records from a position on, the position after them, and whether the stream still takes writes."""

    records: list[Json]
    next_position: int
    active: bool


def read_stream(stream: StreamName, position: int, limit: int) -> StreamPage | None:
    """Records from the absolute `position` on; None where there is no such stream. A closed one stays readable."""
    scope = (stream.account, stream.region)
    table = dynamodb._tables.get_scoped(*scope, stream.table)
    if is_active(stream):
        records = dynamodb._stream_records.get_scoped(*scope, stream.table) or []
        trimmed: int = dynamodb._stream_trimmed.get_scoped(*scope, stream.table, 0)
    else:
        closed = dynamodb._closed_streams.get_scoped(*scope, stream.arn)
        if closed is None:
            return None
        records, trimmed = closed["records"], closed["trimmed"]
    start = max(0, position - trimmed)
    page = records[start : start + limit]
    return StreamPage(page, trimmed + start + len(page), table is not None and is_active(stream))


def is_active(stream: StreamName) -> bool:
    """Whether this is the present, enabled stream of its table."""
    table = dynamodb._tables.get_scoped(stream.account, stream.region, stream.table)
    enabled = table is not None and bool((table.get("StreamSpecification") or {}).get("StreamEnabled"))
    return enabled and table.get("LatestStreamArn") == stream.arn


def mapping_records() -> Iterator[tuple[str, str, Json]]:
    """Account, region and the base's own record of every mapping."""
    for (account, region, _), record in lambda_svc._esms.all_items():
        yield account, region, record


def set_batch_size(uuid: str, batch_size: int) -> None:
    """Keep another batch size than the base's default, which is a queue's."""
    for _, _, record in mapping_records():
        if record["UUID"] == uuid:
            record["BatchSize"] = batch_size


def start_position(account: str, region: str, uuid: str) -> int:
    """Where the base anchored a mapping when it was made: the stream's oldest record, or its end (`LATEST`)."""
    position: int = lambda_svc._dynamodb_stream_positions.get_scoped(account, region, uuid, 0)
    return position


def find_function(account: str, region: str, name: str) -> Json | None:
    """The configuration of a function by name or ARN, or None."""
    short = name.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    found: Json | None = lambda_svc._functions.get_scoped(account, region, short)
    return None if found is None else found["config"]


def execution_identity(configuration: Json) -> Identity:
    """A session of the function's role, the one that its code runs under. Raises AwsError where the role is gone."""
    credentials = execution_credentials(configuration)
    return base.identity_of(credentials["AWS_ACCESS_KEY_ID"], configuration["FunctionArn"].split(":")[4])
