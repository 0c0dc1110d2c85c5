"""The triggerer and a task's worker are killed in one run: its waits and its task are taken up, and nothing is started twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.laptop.stack.processes import find_parts
from include.local_aws.process import ask
from tests.stack.running import FOLDER, HOURLY, RUN_CEILING_S, Stack, wait_for
from tests.stack.test_runs import HOUR_S, write_a_new_item

pytestmark = pytest.mark.deep

# Each keeps its step at its call to AWS until it is disarmed.
WAIT_LASTS = {"target": "DynamoDB_20120810.DescribeExport", "code": "ThrottlingException", "times": 1000}
BATCH_LASTS = {"target": "s3.PUT", "match": "/batches/", "code": "SlowDown", "status": 503, "times": 1000}


def test_killed_triggerers_and_a_killed_worker_cost_neither_the_run_nor_a_second_export_or_job_run(
    stack: Stack,
) -> None:
    write_a_new_item(stack, "waited for")
    stack.ask_local_aws("clock", {"advance": HOUR_S})
    jobs, exports = count_job_runs(stack), count_exports(stack)
    run_id = stack.api.trigger(HOURLY)
    with lasting(stack, WAIT_LASTS):
        wait_for(lambda: is_deferred(stack, run_id, "capture.export"), RUN_CEILING_S, "the exports to be waited for")
        kill_triggerer()
    with lasting(stack, BATCH_LASTS):
        wait_for(lambda: kill_worker(stack, run_id, "merge.build_batch"), RUN_CEILING_S, "a worker to write the batch")
    wait_for(lambda: is_deferred(stack, run_id, "merge.glue_job"), RUN_CEILING_S, "the merge to be waited for")
    kill_triggerer()
    assert stack.wait_for_run(HOURLY, run_id) == "success", stack.failed_tasks(HOURLY, run_id)
    assert task_of(stack, run_id, "merge.build_batch")["try_number"] > 1, "the killed one was tried again"
    assert stack.rows() == stack.expected_rows()
    assert count_job_runs(stack) - jobs == 1
    assert count_exports(stack) - exports == 2, "one a source"


@contextmanager
def lasting(stack: Stack, fault: dict[str, Any]) -> Iterator[None]:
    """A step comes to its call and no further: entered once it has."""
    stack.ask_local_aws("faults", fault)
    try:
        wait_for(lambda: strikes_left(stack) < fault["times"], RUN_CEILING_S, f"a call of {fault['target']}")
        yield
    finally:
        stack.ask_local_aws("faults", {})


def strikes_left(stack: Stack) -> int:
    return int(ask(stack.aws["AWS_ENDPOINT_URL"], "GET", "/_local/status")["faults"])


def is_deferred(stack: Stack, run_id: str, task_id: str) -> bool:
    return task_of(stack, run_id, task_id)["state"] == "deferred"


def kill_triggerer() -> None:
    """Kill Airflow's triggerer with all its processes."""
    found = [process for process in find_parts(FOLDER) if "triggerer" in " ".join(process.cmdline())]
    assert found
    for process in found:
        process.send_signal(signal.SIGKILL)


def kill_worker(stack: Stack, run_id: str, task_id: str) -> bool:
    """Kill the process that a task runs in; return whether there was one."""
    pid = task_of(stack, run_id, task_id)["pid"]
    found = [process for process in find_parts(FOLDER) if process.pid == pid]
    for process in found:
        process.send_signal(signal.SIGKILL)
    return bool(found)


def task_of(stack: Stack, run_id: str, task_id: str) -> dict[str, Any]:
    """A task of the run; of a mapped one the first."""
    return next(task for task in stack.api.tasks(HOURLY, run_id) if task["task_id"] == task_id)


def count_job_runs(stack: Stack) -> int:
    return len(stack.client("glue").get_job_runs(JobName="campaign-merge")["JobRuns"])


def count_exports(stack: Stack) -> int:
    arns = [
        stack.client("dynamodb").describe_table(TableName=name)["Table"]["TableArn"]
        for name in ("user_Campaign", "campaignInfo")
    ]
    return sum(len(list(_exports(stack, arn))) for arn in arns)


def _exports(stack: Stack, table_arn: str) -> Iterator[Any]:
    """All exports of a table, page by page: boto3 has no paginator for them."""
    more: dict[str, str] = {}
    while True:
        page = stack.client("dynamodb").list_exports(TableArn=table_arn, **more)
        yield from page["ExportSummaries"]
        if "NextToken" not in page:
            return
        more = {"NextToken": page["NextToken"]}
