"""Batches of messages ask for the right of the single operation, as AWS does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.roles import make_role


@pytest.fixture
def queue(client: Callable[..., Any]) -> str:
    url: str = client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    return url


def as_role(client: Callable[..., Any], queue: str, *actions: str) -> Any:
    """SQS for a role that may do this on the queue."""
    arn = f"arn:aws:sqs:eu-central-1:000000000000:{queue.rpartition('/')[2]}"
    role = make_role(client, f"r-{uuid.uuid4().hex[:8]}", "self", list(actions), [arn])
    return client("sqs", client("sts").assume_role(RoleArn=role, RoleSessionName="queues")["Credentials"])


def test_messages_go_and_come_in_batches(client: Callable[..., Any], queue: str) -> None:
    sqs = as_role(client, queue, "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage")
    sent = sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(n), "MessageBody": f"body {n}"} for n in range(3)]
    )
    assert [one["Id"] for one in sent["Successful"]] == ["0", "1", "2"]
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert {one["Body"] for one in messages} == {"body 0", "body 1", "body 2"}
    entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
    assert len(sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 3
    left = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_role_without_the_single_right_is_refused(client: Callable[..., Any], queue: str) -> None:
    sqs = as_role(client, queue, "sqs:SendMessage")
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.delete_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "ReceiptHandle": "x"}])


def test_a_queue_that_is_not_there_is_named(client: Callable[..., Any], queue: str) -> None:
    with pytest.raises(ClientError, match=r"NonExistentQueue|QueueDoesNotExist"):
        client("sqs").send_message_batch(QueueUrl=f"{queue}-gone", Entries=[{"Id": "0", "MessageBody": "x"}])
