"""One batch, one run that counts: found in any state, waited for, or started anew."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import TaskDeferred
from lake_airflow.errors import DeadlineError, MergeFailedError, MergeRefusedError, WaitFailedError
from lake_airflow.job_runs import STOPPING, SUCCEEDED, UNDER_WAY, error_of, find_batch_run
from lake_airflow.operators.merge import GlueBatchOperator
from lake_airflow.triggers.base import LATE, WAITERS
from lake_airflow.triggers.glue import JobRunEndedTrigger, JobSlotTrigger

from tests.plugins.fakes import NOW, FakeClients, context_of

ENDED_BADLY = ("FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED")


def operator(**arguments: Any) -> GlueBatchOperator:
    return GlueBatchOperator(
        task_id="merge", job_name="job", batch_id="b1", arguments={"--batch": "s3://b/m"}, **arguments
    )


def run(state: str, batch_id: str = "b1", number: int = 0, **more: Any) -> dict[str, Any]:
    arguments = {"--batch_id": batch_id}
    return {"Id": f"jr_old_{number}", "JobRunState": state, "Arguments": arguments, "StartedOn": NOW, **more}


def deferral(task: GlueBatchOperator, event: Any = None) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context_of(), event)
    return caught.value


def test_a_batch_without_a_run_gets_one_and_waits_for_it_deferred(clients: FakeClients) -> None:
    waiting = deferral(operator())
    assert clients.glue.runs[0]["Arguments"] == {"--batch": "s3://b/m", "--batch_id": "b1"}
    assert isinstance(waiting.trigger, JobRunEndedTrigger)
    assert waiting.trigger.run_id == "jr_0"
    assert waiting.method_name == "execute_complete"


def test_the_wait_lasts_as_long_as_the_job_may_run_and_ten_minutes(clients: FakeClients) -> None:
    left = deferral(operator()).trigger.deadline - time.time()
    assert left == pytest.approx(130 * 60, abs=30)


@pytest.mark.parametrize("state", UNDER_WAY)
def test_a_run_under_way_is_waited_for_and_no_other_started(clients: FakeClients, state: str) -> None:
    clients.glue.runs = [run(state)]
    assert deferral(operator()).trigger.run_id == "jr_old_0"
    assert clients.glue.calls == []


def test_a_run_that_succeeded_is_taken_even_if_a_later_one_failed(clients: FakeClients) -> None:
    clients.glue.runs = [run("FAILED", number=1), run(SUCCEEDED, number=0)]
    assert operator().execute(context_of()) == "jr_old_0"
    assert clients.glue.calls == []


@pytest.mark.parametrize("state", [*ENDED_BADLY, STOPPING])
def test_after_a_run_that_ended_badly_another_is_started(clients: FakeClients, state: str) -> None:
    clients.glue.runs = [run(state)]
    assert deferral(operator()).trigger.run_id == "jr_1"
    assert clients.glue.calls == ["start"]


def test_runs_of_other_batches_are_not_ours(clients: FakeClients) -> None:
    clients.glue.runs = [run(SUCCEEDED, batch_id="b2")]
    assert deferral(operator()).trigger.run_id == "jr_1"


def test_the_search_ends_where_runs_are_older_than_the_batch(clients: FakeClients) -> None:
    clients.glue.runs = [run("FAILED", "b2", StartedOn=NOW), run(SUCCEEDED, StartedOn=NOW - timedelta(hours=2))]
    assert find_batch_run(clients.glue, "job", "b1", NOW - timedelta(hours=1)) is None
    assert find_batch_run(clients.glue, "job", "b1", None) is not None


def test_a_taken_slot_is_waited_for_deferred_and_then_tried_again(clients: FakeClients) -> None:
    clients.glue.slot_taken = True
    waiting = deferral(operator())
    assert isinstance(waiting.trigger, JobSlotTrigger)
    assert waiting.method_name == "execute"
    clients.glue.slot_taken = False
    event = {"status": "success", "deadline": waiting.trigger.deadline}
    assert isinstance(deferral(operator(), event).trigger, JobRunEndedTrigger)


def test_waiting_for_the_slot_again_does_not_move_the_ceiling(clients: FakeClients) -> None:
    clients.glue.slot_taken = True
    deadline = time.time() + 60
    assert deferral(operator(), {"status": "success", "deadline": deadline}).trigger.deadline == deadline


def test_a_slot_that_never_comes_free_is_an_error_that_says_so(clients: FakeClients) -> None:
    clients.glue.slot_taken = True
    with pytest.raises(DeadlineError, match="taken by other runs"):
        operator().execute(context_of(), {"status": LATE, "deadline": time.time() - 1})


def test_a_wait_that_fails_leaves_the_run_alone_and_a_retry_takes_it_up(clients: FakeClients) -> None:
    clients.glue.runs = [run("RUNNING")]
    event = {"run_id": "jr_old_0", "status": "error", "message": "ExpiredTokenException", "deadline": time.time() + 60}
    with pytest.raises(WaitFailedError, match="goes on"):
        operator().execute_complete(context_of(), event)
    assert deferral(operator()).trigger.run_id == "jr_old_0"
    assert clients.glue.calls == [], "it was neither stopped nor started again"


def test_a_run_that_succeeded_is_the_result(clients: FakeClients) -> None:
    clients.glue.runs = [run(SUCCEEDED)]
    assert operator().execute_complete(context_of(), {"run_id": "jr_old_0", "status": "success"}) == "jr_old_0"


@pytest.mark.parametrize("state", ENDED_BADLY)
def test_a_bad_end_is_told_with_glues_own_words_and_a_remedy(clients: FakeClients, state: str) -> None:
    clients.glue.runs = [run(state, ErrorMessage="Py4JError: out of luck")]
    with pytest.raises(
        (MergeFailedError, MergeRefusedError), match=rf"{state}: Py4JError: out of luck. Remedy: \w"
    ) as caught:
        operator().execute_complete(context_of(), {"run_id": "jr_old_0", "status": "success"})
    assert caught.value.retryable == (state in {"FAILED", "ERROR", "EXPIRED"})


def test_a_retry_cannot_help_where_the_job_named_a_terminal_error() -> None:
    assert not error_of("job", run("FAILED", ErrorMessage="ChangeFileError: exports/a.json.gz is truncated")).retryable


def test_at_its_ceiling_a_run_is_stopped(clients: FakeClients) -> None:
    clients.glue.runs = [run("RUNNING")]
    event = {"run_id": "jr_old_0", "status": LATE, "message": "late", "deadline": 0.0}
    with pytest.raises(DeadlineError, match="was stopped"):
        operator().execute_complete(context_of(), event)
    assert clients.glue.calls == ["stop jr_old_0"]


def test_a_killed_task_stops_its_run_and_nothing_before_it_has_one(clients: FakeClients) -> None:
    task = operator()
    task.on_kill()
    assert clients.glue.calls == []
    deferral(task)
    task.on_kill()
    assert clients.glue.calls == ["start", "stop jr_0"]


def test_every_state_that_glue_knows_is_either_waited_through_or_judged() -> None:
    import json

    model = boto3.client("glue", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    states = set(model.meta.service_model.shape_for("JobRunState").enum)
    waiters = json.loads(WAITERS.read_text())["waiters"]["job_run_ended"]["acceptors"]
    ends = {acceptor["expected"] for acceptor in waiters}
    assert ends == {SUCCEEDED, *ENDED_BADLY}
    assert states == ends | set(UNDER_WAY) | {STOPPING}
