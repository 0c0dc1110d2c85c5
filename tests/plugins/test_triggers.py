"""Triggers: they survive being stored, end at their deadline, and stop what a person kills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.triggers.base import TriggerEvent
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError, WaiterError
from lake_airflow.triggers import base
from lake_airflow.triggers.athena import QueryEndedTrigger
from lake_airflow.triggers.export import ExportEndedTrigger, PauseTrigger
from lake_airflow.triggers.glue import JobRunEndedTrigger, JobSlotTrigger


def triggers(deadline: float = 4e9) -> list[Any]:
    common: dict[str, Any] = {"deadline": deadline, "waiter_delay": 1, "aws_conn_id": "lake"}
    return [
        ExportEndedTrigger(export_arn="arn", **common),
        JobRunEndedTrigger(job_name="job", run_id="jr", **common),
        JobSlotTrigger(job_name="job", **common),
        QueryEndedTrigger(query_id="q", **common),
        PauseTrigger(until=1.0, deadline=deadline),
    ]


@pytest.mark.parametrize("trigger", triggers(), ids=lambda one: type(one).__name__)
def test_a_stored_trigger_is_the_same_again(trigger: Any) -> None:
    path, arguments = trigger.serialize()
    again = import_string(path)(**arguments)
    assert path.startswith("lake_airflow.triggers.")
    assert again.serialize() == (path, arguments)
    assert again.deadline == trigger.deadline


class FakeWaiter:
    """Raises what botocore raises after one look, until ``looks`` are used up."""

    def __init__(
        self, looks: int, error: str = "Max attempts exceeded", response: dict[str, Any] | None = None
    ) -> None:
        self.looks = looks
        self.error: Exception = WaiterError("w", error, response or {})

    async def wait(self, **arguments: Any) -> None:
        self.looks -= 1
        if self.looks >= 0:
            raise self.error


class FakeClient:
    def __init__(self) -> None:
        self.stopped: list[Any] = []

    async def __aenter__(self) -> FakeClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def batch_stop_job_run(self, **arguments: Any) -> None:
        self.stopped.append(arguments)

    async def stop_query_execution(self, **arguments: Any) -> None:
        self.stopped.append(arguments)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()

    async def get_async_conn(self: Any) -> FakeClient:
        return fake

    monkeypatch.setattr(base.WaiterHook, "get_async_conn", get_async_conn)
    return fake


def run(trigger: Any) -> dict[str, Any]:
    async def first(events: AsyncIterator[TriggerEvent]) -> TriggerEvent:
        return await anext(events)

    payload: dict[str, Any] = asyncio.run(first(trigger.run())).payload
    return payload


def wait_with(monkeypatch: pytest.MonkeyPatch, waiter: FakeWaiter) -> None:
    monkeypatch.setattr(base.WaiterHook, "get_waiter", lambda *arguments, **options: waiter)


def job_run(deadline: float) -> JobRunEndedTrigger:
    return JobRunEndedTrigger(job_name="job", run_id="jr", deadline=deadline, waiter_delay=0.01)  # type: ignore[arg-type]


@pytest.mark.usefixtures("client")
def test_an_end_is_told_with_what_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_with(monkeypatch, FakeWaiter(looks=2))
    deadline = time.time() + 60
    assert run(job_run(deadline)) == {"status": "success", "run_id": "jr", "deadline": deadline}


@pytest.mark.usefixtures("client")
def test_the_deadline_ends_a_wait_that_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_with(monkeypatch, FakeWaiter(looks=1_000_000))
    event = run(job_run(time.time() + 0.1))
    assert (event["status"], event["run_id"]) == ("deadline", "jr")


@pytest.mark.usefixtures("client")
def test_throttling_does_not_outlive_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    throttled = {"Error": {"Code": "ThrottlingException"}}
    wait_with(monkeypatch, FakeWaiter(1_000_000, "An error occurred (ThrottlingException): slow down", throttled))
    assert run(job_run(time.time() + 0.1))["status"] == "deadline"


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="https://glue"), ReadTimeoutError(endpoint_url="https://glue")]
)
def test_a_lost_connection_costs_a_look_and_not_the_wait(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    waiter = FakeWaiter(looks=2)
    waiter.error = error
    wait_with(monkeypatch, waiter)
    assert run(job_run(time.time() + 60))["status"] == "success"
    wait_with(monkeypatch, waiter)
    waiter.looks = 1_000_000
    assert run(job_run(time.time() + 0.1))["status"] == "deadline"


@pytest.mark.usefixtures("client")
def test_a_deadline_that_has_passed_while_no_triggerer_ran_ends_the_wait_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_with(monkeypatch, FakeWaiter(looks=1_000_000))
    assert run(job_run(time.time() - 60))["status"] == "deadline"


@pytest.mark.usefixtures("client")
def test_an_error_of_aws_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"Error": {"Code": "AccessDeniedException"}}
    wait_with(monkeypatch, FakeWaiter(1, "An error occurred (AccessDeniedException): no", denied))
    event = run(job_run(time.time() + 60))
    assert event["status"] == "error"
    assert "AccessDeniedException" in event["message"]


def test_killing_a_deferred_task_stops_its_job_run_or_query(client: FakeClient) -> None:
    asyncio.run(job_run(time.time() + 60).on_kill())
    asyncio.run(QueryEndedTrigger(query_id="q", deadline=4e9, waiter_delay=1).on_kill())
    assert client.stopped == [{"JobName": "job", "JobRunIds": ["jr"]}, {"QueryExecutionId": "q"}]


def test_a_pause_ends_at_its_instant_and_hands_the_deadline_on() -> None:
    assert run(PauseTrigger(until=time.time() + 0.05, deadline=7.0)) == {"deadline": 7.0}
