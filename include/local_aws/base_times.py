"""The base's stamps by the local clock: it takes the machine's time wherever it makes something.

Glue and Athena read the time for nothing but stamps and get another one to read. DynamoDB and SQS also judge by it what has
expired, so there single stamps are put right.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from ministack.core.responses import json_response
from ministack.services import athena, dynamodb, dynamodb_streams, glue, sqs
from ministack.services.cloudformation import provisioners

from include.local_aws.calls import Json
from include.local_aws.clock import Clock

_TABLE = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
# What is replaced below, as the base has it.
_CREATE_TABLE, _PROVISION_TABLE = dynamodb._create_table, provisioners._ddb_create
_DESCRIBE_STREAM = dynamodb_streams._describe_stream
_MESSAGE_ATTRIBUTES = sqs._build_sys_attrs
_TABLE_METADATA = athena._glue_table_to_metadata
_MESSAGE_STAMPS = ("SentTimestamp", "ApproximateFirstReceiveTimestamp")


def stamp_by(clock: Clock) -> None:
    """Let whatever the base makes from now on carry this clock; the last call holds for the process."""
    glue.time = athena.time = SimpleNamespace(time=lambda: clock.now().timestamp())
    athena._glue_table_to_metadata = _table_metadata
    dynamodb._stream_label = lambda: _stream_label(clock)
    dynamodb._create_table = lambda request: _create_table(clock, request)
    provisioners._ddb_create = _TABLE["create"] = lambda *given: _provision_table(clock, *given)
    dynamodb_streams._describe_stream = _describe_stream
    sqs._build_sys_attrs = lambda message, names: _message_attributes(clock, message, names)


def _stream_label(clock: Clock) -> str:
    return clock.now().replace(tzinfo=None).isoformat(timespec="milliseconds")


def _create_table(clock: Clock, request: Json) -> Any:
    status, headers, body = _CREATE_TABLE(request)
    if status != 200:
        return status, headers, body
    name = json.loads(body)["TableDescription"]["TableName"]
    dynamodb._tables[name]["CreationDateTime"] = int(clock.now().timestamp())
    return json_response({"TableDescription": dynamodb._table_description(name)})


def _provision_table(clock: Clock, logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
    """A stack's table; its stream's label is the one in its ARN."""
    name, _ = _PROVISION_TABLE(logical_id, properties, stack)
    table = dynamodb._tables[name]
    table["CreationDateTime"] = int(clock.now().timestamp())
    if table["LatestStreamArn"]:
        label = _stream_label(clock)
        table |= {"LatestStreamLabel": label, "LatestStreamArn": f"{table['TableArn']}/stream/{label}"}
    return name, provisioners._ddb_attrs(table)


def _describe_stream(request: Json) -> Any:
    """A stream was made at the instant that its label says; the base tells that of its table."""
    status, headers, body = _DESCRIBE_STREAM(request)
    if status != 200:
        return status, headers, body
    description = json.loads(body)["StreamDescription"]
    made = datetime.fromisoformat(description["StreamLabel"]).replace(tzinfo=UTC)
    return json_response({"StreamDescription": {**description, "CreationRequestDateTime": made.timestamp()}})


def _message_attributes(clock: Clock, message: Json, names: list[str]) -> Json:
    found: Json = _MESSAGE_ATTRIBUTES(message, names)
    return found | {name: _local_millis(clock, found[name]) for name in _MESSAGE_STAMPS if name in found}


def _local_millis(clock: Clock, machine_millis: str) -> str:
    local = clock.local_time_of(datetime.fromtimestamp(int(machine_millis) / 1000, UTC))
    return str(int(local.timestamp() * 1000))


def _table_metadata(table: Json) -> Json:
    """Athena tells when Glue's table was made, the base when it was asked."""
    stamps = {name: table[name] for name in ("CreateTime", "LastAccessTime") if name in table}
    return {**_TABLE_METADATA(table), **stamps}
