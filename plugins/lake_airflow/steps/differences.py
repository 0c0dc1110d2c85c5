"""Differences: what a comparison of the mirrors with their tables found, for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from include.dynamo_lake.reports import ReconcileReport
from lake_airflow.links import DifferencesLink
from lake_airflow.pipelines import read_lake
from lake_airflow.run_log import tell_to_look_at
from lake_airflow.steps.verify import read_report
from lake_airflow.xcoms import NOTE_KEY, read_batch

log = logging.getLogger(__name__)

NOTE_CHARACTERS = 1000


def tell_differences(pipeline: str, context: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Log what the comparison found and keep it as the run's note; return the counts by source (none after a mere rebuild).

    Differences that were not repaired call for somebody: an alarm tells.
    """
    lake = read_lake(pipeline)
    report = read_report(lake, read_batch(context)["batch_id"])
    found = report.reconciled
    note = build_note(found, lake.bucket) if found else "Target and quarantine were made anew from the mirrors."
    counts = {source: asdict(one) for source, one in found.sources.items()} if found else {}
    if found and any(one.total for one in found.sources.values()):
        log.warning(note)
        region = lake.clients.s3.meta.region_name
        DifferencesLink.push(context, region, bucket=lake.bucket, prefix=found.differences)
        if not found.repaired:
            tell_to_look_at(lake, context, differences=counts)
    else:
        log.info(note)
    context["ti"].xcom_push(key=NOTE_KEY, value=note)
    return counts


def build_note(found: ReconcileReport, bucket: str) -> str:
    """Counts by source and kind, the first keys, and where all of them lie; at most a thousand characters."""
    lines = [f"Mirrors compared with full exports at {found.at}:", *_count_lines(found)]
    total = sum(counts.total for counts in found.sources.values())
    if not total:
        return "\n".join(lines)
    done = "Repaired." if found.repaired else "Nothing was changed: run again with repair to put it right."
    tail = [f"All of them: s3://{bucket}/{found.differences}", done]
    room = NOTE_CHARACTERS - len("\n".join([*lines, *tail]))
    examples = list(_fitting((f"  {one['kind']} {one['source']} {one['key']}" for one in found.examples), room))
    return "\n".join([*lines, *examples, *tail])


def _count_lines(found: ReconcileReport) -> Iterator[str]:
    for source, counts in found.sources.items():
        newer = f", {counts.newer} changed since" if counts.newer else ""
        what = f"{counts.missing} missing, {counts.extra} extra, {counts.different} different"
        yield f"- {source}: {what if counts.total else 'no difference'} of {counts.compared} items{newer}"


def _fitting(lines: Iterator[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line
