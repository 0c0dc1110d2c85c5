"""Waits of an export: until its window can be restored, and until it has ended.

An export cannot be cancelled: a killed wait stops waiting, the next run finds the export again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from lake_airflow.triggers.base import DeadlineTrigger


class PauseTrigger(BaseTrigger):  # type: ignore[misc]
    """Sleep until an instant (epoch seconds), and hand on the deadline of the wait that it is part of."""

    def __init__(self, *, until: float, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.PauseTrigger", {"until": self.until, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(max(0.0, self.until - time.time()))
        yield TriggerEvent({"deadline": self.deadline})  # type: ignore[no-untyped-call]


class ExportEndedTrigger(DeadlineTrigger):
    """Wait until an export has completed or failed."""

    service = "dynamodb"

    def __init__(
        self, *, export_arn: str, deadline: float, waiter_delay: int, aws_conn_id: str | None = "aws_default"
    ) -> None:
        super().__init__(
            deadline=deadline,
            serialized_fields={"export_arn": export_arn},
            waiter_name="export_ended",
            waiter_args={"ExportArn": export_arn},
            status_message=f"Export {export_arn}",
            status_queries=["ExportDescription.ExportStatus"],
            return_key="export_arn",
            return_value=export_arn,
            waiter_delay=waiter_delay,
            aws_conn_id=aws_conn_id,
        )
