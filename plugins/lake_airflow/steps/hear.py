"""Hear: what an on-change run begins with. Take all wake-up calls; go on only where there is something to apply or to tell."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.inbox import read_inbox
from lake_airflow.lake_state import commit_warned, read_coverage, read_warned
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.batch import reason_left_over
from lake_airflow.steps.contract import stream_warnings
from lake_airflow.versions import require_one_version
from lake_airflow.wake_ups import forget, take_wake_ups
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
    calls = take_wake_ups(lake, events)
    log.info("%d wake-up calls", calls.heard)
    covered = read_coverage(lake.clients.s3, lake.bucket).covered_through
    if covered is None:
        log.info("Nothing is covered yet: the inbox waits for %s", lake.bootstrap_dag)
        forget(lake, calls.foreign)
        return False
    warnings, now = stream_warnings(lake), present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    goes_on = bool(calls.notes) or _has_work(lake, warnings, now)
    if goes_on:
        context["ti"].xcom_push(key=PLAN_KEY, value=_plan(covered, now, calls.notes, warnings))
    # Last: what a try that failed has put aside, or would have warned of, is told by the next one.
    forget(lake, calls.foreign)
    for warning in commit_warned(lake.clients.s3, lake.bucket, streams=warnings):
        log.warning(warning)
    return goes_on


def _has_work(lake: Lake, warnings: Sequence[str], now: datetime) -> bool:
    """Whether there is anything to apply, a warning that nobody has told yet, or what no other run would see to."""
    inbox = read_inbox(lake)
    if inbox.files or inbox.foreign or not set(warnings) <= set(read_warned(lake.clients.s3, lake.bucket, "streams")):
        return True
    left_over = reason_left_over(lake, now) if lake.pipeline.schedule.mode == "on_change" else None
    log.info("The inbox is empty%s", f": {left_over}" if left_over else "")
    return left_over is not None


def _plan(covered: datetime, now: datetime, notes: tuple[str, ...], warnings: Sequence[str]) -> dict[str, Any]:
    """What the run works on and has to tell."""
    return {
        "now": format_instant(now),
        "nonce": uuid4().hex,
        "covered_through": format_instant(covered),
        "items": [],
        "replayed": [],
        "notes": list(notes),
        "contract_warnings": list(warnings),
        "action": "merge",
        "compared": None,
    }
