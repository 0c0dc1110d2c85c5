"""The triggerer is killed while a run waits: its waits are taken up by the next one, and nothing is started twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from include.laptop.stack.processes import find_parts
from tests.stack.running import FOLDER, HOURLY, Stack, wait_for
from tests.stack.test_runs import HOUR_S, write_a_new_item

pytestmark = pytest.mark.deep

DEFERRED_CEILING_S = 300


def test_a_killed_triggerer_costs_neither_the_run_nor_a_second_export_or_job_run(stack: Stack) -> None:
    write_a_new_item(stack, "waited for")
    stack.ask_local_aws("clock", {"advance": HOUR_S})
    jobs, exports = count_job_runs(stack), count_exports(stack)
    run_id = stack.api.trigger(HOURLY)
    wait_for(
        lambda: state_of(stack, run_id, "merge.glue_job") == "deferred",
        DEFERRED_CEILING_S,
        "the merge to be waited for",
    )
    for process in triggerers():
        process.send_signal(signal.SIGKILL)
    assert stack.wait_for_run(HOURLY, run_id) == "success", stack.failed_tasks(HOURLY, run_id)
    assert stack.rows() == stack.expected_rows()
    assert count_job_runs(stack) - jobs == 1
    assert count_exports(stack) - exports == 2, "one a source"


def triggerers() -> list[psutil.Process]:
    """Airflow's triggerer with all its processes."""
    found = [process for process in find_parts(FOLDER) if "triggerer" in " ".join(process.cmdline())]
    assert found
    return found


def state_of(stack: Stack, run_id: str, task_id: str) -> str:
    return next(task["state"] for task in stack.api.tasks(HOURLY, run_id) if task["task_id"] == task_id)


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
