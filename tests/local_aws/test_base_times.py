"""Whatever local AWS makes is stamped by its own clock, two days behind the machine's here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.local_aws.process import RunningLocalAws
from tests.local_aws.dynamo import Place

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


@pytest.fixture
def assert_present(place: Place) -> Callable[[Any], None]:
    """Hold a stamp, a time or epoch milliseconds, to the local clock."""

    def compare(stamp: Any) -> None:
        at = stamp if isinstance(stamp, datetime) else datetime.fromtimestamp(int(stamp) / 1000, UTC)
        assert abs(place.now() - at) < timedelta(seconds=10)

    return compare


@pytest.fixture
def name() -> str:
    return f"stamped_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def stack_table(client: Callable[..., Any], name: str) -> Iterator[str]:
    """A table with a stream that a stack made."""
    properties = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    }
    template = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}
    stacks, stack = client("cloudformation"), name.replace("_", "-")
    stacks.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    yield name
    stacks.delete_stack(StackName=stack)


def assert_table_and_stream(client: Callable[..., Any], table: str, assert_present: Callable[[Any], None]) -> None:
    described = client("dynamodb").describe_table(TableName=table)["Table"]
    assert_present(described["CreationDateTime"])
    label = described["LatestStreamLabel"]
    assert_present(datetime.fromisoformat(label).replace(tzinfo=UTC))
    assert described["LatestStreamArn"].endswith(f"/stream/{label}")
    stream = client("dynamodbstreams").describe_stream(StreamArn=described["LatestStreamArn"])["StreamDescription"]
    assert_present(stream["CreationRequestDateTime"])
    assert stream["StreamLabel"] == label


def test_a_table_and_its_stream(client: Callable[..., Any], name: str, assert_present: Callable[[Any], None]) -> None:
    dynamodb = client("dynamodb")
    answer = dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification=STREAM,
    )
    assert_present(answer["TableDescription"]["CreationDateTime"])
    assert_table_and_stream(client, name, assert_present)


def test_a_table_and_its_stream_of_a_stack(
    client: Callable[..., Any], stack_table: str, assert_present: Callable[[Any], None]
) -> None:
    assert_table_and_stream(client, stack_table, assert_present)


def test_a_stream_that_is_turned_off_and_on_tells_when_it_was_made_itself(
    running: RunningLocalAws, client: Callable[..., Any], place: Place, assert_present: Callable[[Any], None]
) -> None:
    place.dynamodb.update_table(TableName=place.table, StreamSpecification={"StreamEnabled": False})
    running.ask("POST", "/_local/clock", {"advance": 120})
    place.dynamodb.update_table(TableName=place.table, StreamSpecification=STREAM)
    arn = place.dynamodb.describe_table(TableName=place.table)["Table"]["LatestStreamArn"]
    stream = client("dynamodbstreams").describe_stream(StreamArn=arn)["StreamDescription"]
    assert_present(stream["CreationRequestDateTime"])


def test_a_glue_table_and_what_athena_tells_of_it(
    running: RunningLocalAws, client: Callable[..., Any], name: str, assert_present: Callable[[Any], None]
) -> None:
    glue, athena = client("glue"), client("athena")
    glue.create_database(DatabaseInput={"Name": name})
    assert_present(glue.get_database(Name=name)["Database"]["CreateTime"])
    glue.create_table(DatabaseName=name, TableInput={"Name": "tasks"})
    made = glue.get_table(DatabaseName=name, Name="tasks")["Table"]
    assert_present(made["CreateTime"])
    running.ask("POST", "/_local/clock", {"advance": 120})
    glue.update_table(DatabaseName=name, TableInput={"Name": "tasks", "Description": "again"})
    updated = glue.get_table(DatabaseName=name, Name="tasks")["Table"]
    assert_present(updated["UpdateTime"])
    told = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=name, TableName="tasks")[
        "TableMetadata"
    ]
    assert told["CreateTime"] == updated["CreateTime"] == made["CreateTime"]


def test_a_workgroup(client: Callable[..., Any], name: str, assert_present: Callable[[Any], None]) -> None:
    athena = client("athena")
    athena.create_work_group(Name=name)
    assert_present(athena.get_work_group(WorkGroup=name)["WorkGroup"]["CreationTime"])


def test_a_message(
    running: RunningLocalAws, client: Callable[..., Any], name: str, assert_present: Callable[[Any], None]
) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="called", DelaySeconds=1)
    running.ask("POST", "/_local/clock", {"advance": 120})
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
    sent, received = (int(message["Attributes"][one]) for one in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"))
    assert_present(received)
    assert 120_000 < received - sent < 130_000
