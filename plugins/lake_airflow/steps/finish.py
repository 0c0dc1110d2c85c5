"""Finish: move applied change files out of the inbox, take applied items off the plan."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from include.dynamo_lake.coverage import finish as finish_coverage
from include.dynamo_lake.names import report_key
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.inbox import move_applied, set_aside
from lake_airflow.lake_state import commit_coverage, read_object
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import FINISH, read_batch, read_result

log = logging.getLogger(__name__)

NAMED_STUCK = 10


def finish(pipeline: str, **context: Any) -> dict[str, Any]:
    """Move the batch's inbox files to ``applied/`` (foreign ones, and those that the job could not read, to ``rejected/``),
    then move the coverage on; return what is covered now.

    An object that S3 does not let go stays in the inbox and is told: the next run tries again.
    """
    lake, batch = read_lake(pipeline), read_batch(context)
    manifest = read_manifest(lake, batch["batch_id"])
    refused = {**_refused_by_job(lake, manifest.batch_id), **dict(batch["foreign"])}
    rejected = set_aside(lake, refused)
    applied = move_applied(lake, (file.key for file in manifest.inbox if file.key not in refused))
    stuck = _tell_stuck(lake, {**rejected.stuck, **applied.stuck})
    now = present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    coverage = commit_coverage(
        lake.clients.s3, lake.bucket, lambda present: finish_coverage(present, manifest.items, now=now)
    )
    covered = coverage.covered_through
    log.info("Covered through %s; %d items remain planned", covered and format_instant(covered), len(coverage.plan))
    return {
        "covered_through": format_instant(covered) if covered else None,
        "planned": len(coverage.plan),
        "moved": applied.count,
        "stuck": stuck,
    }


def _tell_stuck(lake: Lake, stuck: Mapping[str, str]) -> list[str]:
    """Log the objects that S3 did not let go, the first ones by name, and return the lines."""
    named = [
        f"s3://{lake.bucket}/{key} stays in the inbox, S3 refuses to move it ({words})" for key, words in stuck.items()
    ]
    more = [f"{len(stuck) - NAMED_STUCK} more objects stay in the inbox"] if len(stuck) > NAMED_STUCK else []
    lines = [*named[:NAMED_STUCK], *more]
    for line in lines:
        log.warning('%s. See "Objects that stay in the inbox" in docs/runbook.md', line)
    return lines


def _refused_by_job(lake: Lake, batch_id: str) -> Mapping[str, str]:
    """Inbox files that the merge left out, with the reason; none where the batch needed no merge."""
    stored = read_object(lake.clients.s3, lake.bucket, report_key(batch_id))
    return RunReport.from_json(stored.body).set_aside if stored else {}


def run_again(**context: Any) -> int:
    """Return how many change files the run left in the inbox: this task's success starts the next run; skip where none is left.

    Skip too where the run could move nothing: the next one would find the same.
    """
    left: int = read_batch(context)["inbox_left"]
    done = read_result(context, FINISH)
    if not left:
        raise AirflowSkipException("The run took the whole inbox")
    if done["stuck"] and not done["moved"]:
        raise AirflowSkipException(
            f"S3 lets nothing go of what the run took; {left} files wait for the next call or schedule"
        )
    return left
