"""Finish: move applied change files out of the inbox, take applied items off the plan."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from include.dynamo_lake.coverage import finish as finish_coverage
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.inbox import move_applied
from lake_airflow.lake_state import commit_coverage
from lake_airflow.pipelines import read_lake
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import read_batch

log = logging.getLogger(__name__)


def finish(pipeline: str, **context: Any) -> dict[str, Any]:
    """Move the batch's inbox files to ``applied/``, then move the coverage on; return what is covered now."""
    lake = read_lake(pipeline)
    manifest = read_manifest(lake, read_batch(context)["batch_id"])
    moved = sum(move_applied(lake, file) for file in manifest.inbox)
    now = present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    coverage = commit_coverage(
        lake.clients.s3, lake.bucket, lambda present: finish_coverage(present, manifest.items, now=now)
    )
    covered = coverage.covered_through
    log.info("Covered through %s; %d items remain planned", covered and format_instant(covered), len(coverage.plan))
    return {
        "covered_through": format_instant(covered) if covered else None,
        "planned": len(coverage.plan),
        "moved": moved,
    }


def run_again(**context: Any) -> int:
    """Return how many change files the run left in the inbox: this task's success starts the next run; skip where none is left."""
    left: int = read_batch(context)["inbox_left"]
    if not left:
        raise AirflowSkipException("The run took the whole inbox")
    return left
