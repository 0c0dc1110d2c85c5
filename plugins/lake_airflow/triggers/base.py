"""A wait for a state in AWS with an absolute deadline. The states are data: `waiters/lake.json`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger
from airflow.triggers.base import TriggerEvent
from botocore.exceptions import BotoCoreError

ENDED = "success"
LATE = "deadline"
WAITERS = Path(__file__).parents[1] / "waiters" / "lake.json"


class WaiterHook(AwsBaseHook):  # type: ignore[misc]
    """A hook whose waiters are ours: they end at every terminal state, and whoever waits decides what it means."""

    waiter_path = WAITERS


class DeadlineTrigger(AwsBaseWaiterTrigger):  # type: ignore[misc]
    """Wait until ``waiter_name`` is satisfied, at most until ``deadline`` (epoch seconds of the triggerer's clock).

    The deadline is absolute: restarts of the triggerer do not extend it, while ``execution_timeout`` does not reach a deferred
    task at all. Its event holds ``status`` (success, deadline or error), ``message``, ``deadline`` and ``return_key``.
    """

    service: str

    def __init__(self, *, deadline: float, serialized_fields: dict[str, Any], **waiter: Any) -> None:
        # More than can be made in time: the deadline alone ends the wait.
        attempts = 10 + 2 * max(0, math.ceil((deadline - time.time()) / waiter["waiter_delay"]))
        super().__init__(
            serialized_fields={**serialized_fields, "deadline": deadline},
            waiter_max_attempts=attempts,
            failure_message=f"Waiting for {waiter['waiter_name']} failed",
            **waiter,
        )
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, arguments = super().serialize()
        del arguments["waiter_max_attempts"]
        return path, arguments

    def hook(self) -> WaiterHook:
        return WaiterHook(aws_conn_id=self.aws_conn_id, client_type=self.service, region_name=self.region_name)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        outcome: dict[str, Any] = {"status": LATE, "message": "the deadline has passed"}
        try:
            async with asyncio.timeout(max(0.0, self.deadline - time.time())):
                outcome = await self._until_told()
        except TimeoutError:
            self.log.warning("%s: the deadline has passed", self)
        told = {**outcome, "deadline": self.deadline, self.return_key: self.return_value}
        yield TriggerEvent(told)  # type: ignore[no-untyped-call]

    async def _until_told(self) -> dict[str, Any]:
        """What the wait ends with. A connection that is lost, or credentials that cannot be had, cost a look, not the wait."""
        while True:
            try:
                async for event in super().run():
                    return dict(event.payload)
            except BotoCoreError as error:
                self.log.warning("%s: %s; looking again", self, error)
            await asyncio.sleep(self.waiter_delay)
