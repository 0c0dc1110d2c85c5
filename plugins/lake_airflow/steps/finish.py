"""Finish: move applied change files out of the inbox, take applied items off the plan."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from include.dynamo_lake.coverage import finish as finish_coverage
from include.dynamo_lake.manifests import InboxFile
from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import error_code, present_of
from lake_airflow.lake_state import commit_coverage
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import read_batch

log = logging.getLogger(__name__)


def finish(pipeline: str, **context: Any) -> dict[str, Any]:
    """Move the batch's inbox files to ``applied/``, then move the coverage on; return what is covered now."""
    lake = read_lake(pipeline)
    manifest = read_manifest(lake, read_batch(context)["batch_id"])
    moved = move_applied(lake, manifest.inbox)
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


def move_applied(lake: Lake, files: Iterable[InboxFile]) -> int:
    """Move change files from ``inbox/`` to ``applied/``; one that is gone was moved by another run."""
    moved = 0
    for file in files:
        applied = APPLIED_PREFIX + file.key.removeprefix(INBOX_PREFIX)
        try:
            lake.clients.s3.copy_object(
                Bucket=lake.bucket, Key=applied, CopySource={"Bucket": lake.bucket, "Key": file.key}
            )
        except ClientError as error:
            if error_code(error) in {"NoSuchKey", "404"}:
                continue
            raise
        lake.clients.s3.delete_object(Bucket=lake.bucket, Key=file.key)
        moved += 1
    return moved
