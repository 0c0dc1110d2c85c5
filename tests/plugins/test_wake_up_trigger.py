"""The watcher's trigger: a burst is one event, which carries what is foreign and no ten thousand bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lake_airflow.triggers.wake_up import LONG_POLL_S, WakeUpTrigger

from include.dynamo_lake.wake_ups import build_wake_up


class Queue:
    """An asynchronous client of one queue that hands out ten messages at a time."""

    def __init__(self, *bodies: str) -> None:
        self.bodies = list(bodies)
        self.waits: list[int] = []
        self.deleted = 0

    async def receive_message(self, **request: Any) -> dict[str, Any]:
        self.waits.append(request["WaitTimeSeconds"])
        taken, self.bodies = self.bodies[:10], self.bodies[10:]
        messages = [{"MessageId": f"m{n}", "ReceiptHandle": "r", "Body": body} for n, body in enumerate(taken)]
        return {"Messages": messages} if messages else {}

    async def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        self.deleted += len(request["Entries"])
        return {"Successful": request["Entries"]}


def poked(queue: Queue, gather_s: float = 5.0) -> list[str]:
    trigger = WakeUpTrigger(pipeline="orders", sqs_queue="https://sqs/q", gather_s=gather_s)
    return [message["Body"] for message in asyncio.run(trigger.poke(queue))]


CALL = build_wake_up("orders", ["inbox/orders/a"])


def test_a_burst_is_one_event_with_one_call_and_every_foreign_message() -> None:
    queue = Queue(*[CALL] * 95, "hello", build_wake_up("another", []), *[CALL] * 30)
    assert poked(queue) == [CALL, "hello", build_wake_up("another", [])]
    assert (queue.deleted, queue.bodies) == (127, [])
    assert queue.waits == [LONG_POLL_S, *[0] * 13]


def test_a_message_that_nests_too_deeply_is_foreign_and_costs_no_call_gathered_with_it() -> None:
    assert poked(Queue("[" * 100_000, CALL)) == [CALL, "[" * 100_000]


def test_gathering_ends_in_time_and_leaves_the_rest_to_the_run() -> None:
    queue = Queue(*[CALL] * 1000)
    assert poked(queue, gather_s=0.0) == [CALL]
    assert len(queue.bodies) == 990


def test_an_empty_queue_makes_no_event() -> None:
    queue = Queue()
    assert poked(queue) == []
    assert queue.waits == [LONG_POLL_S]


@pytest.mark.parametrize("gather_s", [5.0, 2.0])
def test_it_goes_to_the_triggerer_and_back(gather_s: float) -> None:
    trigger = WakeUpTrigger(pipeline="orders", sqs_queue="https://sqs/q", aws_conn_id="lake_orders", gather_s=gather_s)
    path, arguments = trigger.serialize()
    assert path == "lake_airflow.triggers.wake_up.WakeUpTrigger"
    assert WakeUpTrigger(**arguments).serialize() == (path, arguments)
