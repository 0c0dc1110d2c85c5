"""What every DAG and task has in common: tags, owner, retries, ceilings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from include.dynamo_lake.declaration import Pipeline
from lake_airflow.run_log import tell_failure
from lake_airflow.settings import CommonSettings

# Airflow needs one; with catchup off it starts no run, and backfills may reach back to it.
START_DATE = datetime(2024, 1, 1, tzinfo=UTC)
RETRIES = 2
MAX_RETRY_DELAY = timedelta(minutes=10)

# Ceilings. A deferred task is not bound by execution_timeout: its trigger carries the deadline of the same name.
STEP_CEILING = timedelta(minutes=15)
EXPORT_CEILING = timedelta(hours=3)
SLOT_CEILING = timedelta(hours=3)
CRAWL_CEILING = timedelta(minutes=45)
QUERY_CEILING = timedelta(minutes=30)
# A check's task waits so long in place before it is deferred.
CHECK_PATIENCE = timedelta(seconds=5)
RUN_CEILING = timedelta(hours=24)
# Beyond the job's own timeout, for its start and its end.
MERGE_MARGIN = timedelta(minutes=10)

# Only a terminal error is told apart: a retry can help with everything else, an unknown error too.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="include.dynamo_lake.errors.TerminalError",
            action=RetryAction.FAIL,
            reason="A retry cannot help: the message says what to do",
        ),
    ]
)


class Tag(StrEnum):
    """All tags that DAGs carry, beside the pipeline's name."""

    LAKE = "lake"
    BOOTSTRAP = "bootstrap"
    HOURLY = "hourly"
    ON_CHANGE = "on-change"
    RECONCILE = "reconcile"


def dag_tags(pipeline: Pipeline, kind: Tag) -> list[str]:
    """Tags of one DAG: the lake's, its kind's and its pipeline's."""
    return [Tag.LAKE.value, kind.value, f"pipeline:{pipeline.name}"]


def build_default_args(pipeline: Pipeline, common: CommonSettings, *, tells_failures: bool = False) -> dict[str, Any]:
    """Arguments that all tasks of a pipeline's DAGs share. ``tells_failures``: an alarm tells of a task that failed for good."""
    return {
        "owner": pipeline.owner,
        "depends_on_past": False,
        "retries": RETRIES,
        "retry_delay": common.retry_delay,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": max(MAX_RETRY_DELAY, common.retry_delay),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": STEP_CEILING,
        **({"on_failure_callback": partial(tell_failure, pipeline=pipeline.name)} if tells_failures else {}),
    }
