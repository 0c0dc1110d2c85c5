"""What an armed fault does to the request that it strikes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from include.local_aws.core import LocalAws
from include.local_aws.faults import Fault
from include.local_aws.glue_jobs.execution import kill_job_runs

Send = Callable[[dict[str, Any]], Awaitable[None]]


class LostRequestError(Exception):
    """The connection of this request ends before it is served."""


def struck_send(aws: LocalAws, fault: Fault | None, send: Send) -> Send:
    """Let a fault strike: kill the job runs now or when the request has been served, or lose its answer; what is left to answer by.

    Raises the error that the fault names, ``LostRequestError`` where the request gets lost.
    """
    if fault is None:
        return send
    if fault.lost == "request":
        raise LostRequestError
    if fault.lost == "answer":
        return _losing_send(send)
    if fault.kill == "before":
        kill_job_runs(aws)
    if fault.kill != "after":
        raise fault.error

    async def kill_first(message: dict[str, Any]) -> None:
        kill_job_runs(aws)
        await send(message)

    return kill_first


async def end_without_answer(send: Send) -> None:
    """Promise a byte: where none follows, the server ends the connection, and the caller has no answer.

    No 200: for a call without a result, some clients (Java's) take its first line for the whole of the answer.
    """
    await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"1")]})


def _losing_send(send: Send) -> Send:
    async def lose(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await end_without_answer(send)

    return lose
