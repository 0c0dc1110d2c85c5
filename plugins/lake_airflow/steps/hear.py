"""Hear: what an on-change run begins with. Take all wake-up calls; go on only where there is something to apply or to tell."""

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
    plan = _plan(lake, calls.notes)
    if plan is not None:
        context["ti"].xcom_push(key=PLAN_KEY, value=plan)
    # Last: what a try that failed has put aside is told by the next one.
    forget(lake, calls.foreign)
    return plan is not None


def _plan(lake: Lake, notes: tuple[str, ...]) -> dict[str, Any] | None:
    """What the run works on and has to tell; None where there is neither, or nothing is covered yet."""
    covered = read_coverage(lake.clients.s3, lake.bucket).covered_through
    if covered is None:
        log.info("Nothing is covered yet: the inbox waits for %s", lake.bootstrap_dag)
        return None
    warnings = stream_warnings(lake)
    for warning in warnings:
        log.warning(warning)
    inbox = read_inbox(lake)
    if not (inbox.files or inbox.foreign or notes or warnings):
        log.info("The inbox is empty")
        return None
    return {
        "now": format_instant(present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))),
        "nonce": uuid4().hex,
        "covered_through": format_instant(covered),
        "items": [],
        "replayed": [],
        "notes": list(notes),
        "contract_warnings": warnings,
        "action": "merge",
        "compared": None,
    }
