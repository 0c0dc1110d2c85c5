"""Verify: every statement of the manifests is accounted for, and not too many items are in quarantine."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from include.dynamo_lake.declaration import Checks
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import report_key
from include.dynamo_lake.reports import RunReport
from lake_airflow.errors import VerificationError
from lake_airflow.lake_state import read_object
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import read_batch

log = logging.getLogger(__name__)


def check_counts(pipeline: str, **context: Any) -> dict[str, int]:
    """Check the run report against the batch manifest, and the quarantine against the declared threshold.

    Raises:
        VerificationError: a statement is not accounted for, or too many items cannot be typed.
    """
    lake, batch = read_lake(pipeline), read_batch(context)
    manifest = read_manifest(lake, batch["batch_id"])
    report = read_report(lake, batch["batch_id"])
    problems = [*count_problems(manifest, report), *quarantine_problems(lake.pipeline.checks, report)]
    if problems:
        raise VerificationError(f"Batch {report.batch_id}: readers keep the previous snapshot.\n" + "\n".join(problems))
    for field, count in report.nulled_fields.items():
        log.warning("%d values of %s could not be typed and are null, as declared", count, field)
    return {source: counts.read for source, counts in report.statements.items()}


def read_report(lake: Lake, batch_id: str) -> RunReport:
    """Read the run report of a batch.

    Raises:
        VerificationError: the job wrote none.
    """
    key = report_key(batch_id)
    stored = read_object(lake.clients.s3, lake.bucket, key)
    if stored is None:
        raise VerificationError(
            f"s3://{lake.bucket}/{key} is missing though the job succeeded: somebody deleted it. Clear plan, which makes another "
            "batch of the same windows, or let the next run come"
        )
    return RunReport.from_json(stored.body)


def count_problems(manifest: BatchManifest, report: RunReport) -> list[str]:
    """Statements that are not accounted for, source by source."""
    listed: Counter[str] = Counter()
    for export in manifest.exports:
        listed[export.source] += export.records
    swept = {file.source for file in manifest.inbox}
    problems = []
    for source in sorted(listed.keys() | swept | report.statements.keys()):
        counts = report.statements.get(source)
        if counts is None:
            problems.append(f"Source {source}: the manifests list {listed[source]} statements, the report none")
            continue
        ended = counts.applied + counts.stale + counts.quarantined
        if counts.read != ended:
            problems.append(
                f"Source {source}: {counts.read} statements were read, {ended} accounted for ({counts.applied} applied, "
                f"{counts.stale} stale, {counts.quarantined} quarantined)"
            )
        if counts.read < listed[source] or (source not in swept and counts.read != listed[source]):
            problems.append(f"Source {source}: the manifests list {listed[source]} statements, {counts.read} were read")
    return problems


def quarantine_problems(checks: Checks, report: RunReport) -> list[str]:
    """The sources with more quarantined items than declared; the reasons named, the most frequent first."""
    quarantine = report.quarantine
    over = {
        source: held
        for source, held in quarantine.sources.items()
        if held.items >= checks.min_quarantined_items and held.share > checks.max_quarantined_share
    }
    if not over:
        return []
    named = "; ".join(f"source {s}: {held.items} items, {held.share:.1%} of the live ones" for s, held in over.items())
    reasons = sorted(quarantine.reasons.items(), key=lambda one: -one[1])[:5]
    return [
        f"Too many items are in quarantine ({named}; declared: at most {checks.max_quarantined_share:.1%} of a source, once there are "
        f"{checks.min_quarantined_items}); reasons: "
        + ", ".join(f"{reason} ({count})" for reason, count in reasons)
        + ". Mend the items, the declaration's types, or the threshold"
    ]
