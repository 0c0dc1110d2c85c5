"""Hear: what an on-change run begins with. Take all wake-up calls; go on only where there is something to apply."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.inbox import read_inbox
from lake_airflow.lake_state import read_coverage
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.versions import require_one_version
from lake_airflow.wake_ups import take_wake_ups
from lake_airflow.xcoms import PLAN_KEY

log = logging.getLogger(__name__)


def hear(pipeline: str, **context: Any) -> bool:
    """Drain the queue, then look into the inbox; return whether the run goes on. What it works on goes to XCom ``plan``.

    The queue first: the file of every call that was taken is in the inbox by then. Before the first bootstrap nothing is
    done: a table made of changes alone would be a part of the truth. The files wait for it.

    Raises:
        MixedVersionsError: before anything is taken.
    """
    lake = read_lake(pipeline)
    require_one_version(lake, Path(context["dag"].fileloc).parent)
    events = [event for group in (context.get("triggering_asset_events") or {}).values() for event in group]
    heard, notes = take_wake_ups(lake, events)
    log.info("%d wake-up calls", heard)
    coverage = read_coverage(lake.clients.s3, lake.bucket)
    if coverage.covered_through is None:
        log.info("Nothing is covered yet: the inbox waits for %s", lake.bootstrap_dag)
        return False
    if not _has_work(lake):
        log.info("The inbox is empty")
        return False
    now = present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    context["ti"].xcom_push(
        key=PLAN_KEY,
        value={
            "now": format_instant(now),
            "nonce": uuid4().hex,
            "covered_through": format_instant(coverage.covered_through),
            "items": [],
            "replayed": [],
            "notes": notes,
            "action": "merge",
            "compared": None,
        },
    )
    return True


def _has_work(lake: Lake) -> bool:
    inbox = read_inbox(lake)
    return bool(inbox.files or inbox.foreign)
