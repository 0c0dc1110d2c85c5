"""Wait at the queue of wake-up calls: one event for all that lie there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from airflow.providers.amazon.aws.triggers.sqs import SqsSensorTrigger

from include.dynamo_lake.wake_ups import ForeignMessageError, check_wake_up

# SQS hands out ten messages at most; a long poll of 20 seconds, its most, returns as soon as there is one.
MESSAGES_AT_ONCE = 10
LONG_POLL_S = 20
PAUSE_S = 1
# Every event is a run: a burst is gathered until a short poll finds nothing, for so long at most.
GATHER_S = 5.0


class WakeUpTrigger(SqsSensorTrigger):  # type: ignore[misc]
    """As the provider's trigger, one long poll after the other; then short polls until the queue is empty, for some seconds.

    Its event carries one call and all foreign messages of those that it took off the queue: ten thousand bodies would go
    through Airflow's database and say nothing.
    """

    def __init__(
        self, *, pipeline: str, sqs_queue: str, aws_conn_id: str | None = "aws_default", gather_s: float = GATHER_S
    ) -> None:
        super().__init__(
            sqs_queue=sqs_queue,
            aws_conn_id=aws_conn_id,
            max_messages=MESSAGES_AT_ONCE,
            wait_time_seconds=LONG_POLL_S,
            waiter_delay=PAUSE_S,
        )
        self.pipeline = pipeline
        self.gather_s = gather_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, _ = super().serialize()
        arguments = {"pipeline": self.pipeline, "sqs_queue": self.sqs_queue, "aws_conn_id": self.aws_conn_id}
        return path, {**arguments, "gather_s": self.gather_s}

    async def poke(self, client: Any) -> list[dict[str, str]]:
        self.wait_time_seconds = LONG_POLL_S
        messages = list(await super().poke(client))
        until, self.wait_time_seconds = time.monotonic() + self.gather_s, 0
        while messages and time.monotonic() < until and (more := await super().poke(client)):
            messages += more
        return self._worth_telling(messages)

    def _worth_telling(self, messages: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
        calls, foreign = [], []
        for message in messages:
            told = {"MessageId": message["MessageId"], "Body": message["Body"]}
            try:
                check_wake_up(self.pipeline, message["Body"])
                calls.append(told)
            except ForeignMessageError:
                foreign.append(told)
        return [*calls[:1], *foreign]
