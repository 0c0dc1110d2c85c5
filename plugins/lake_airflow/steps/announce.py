"""Announce: what this run did, as the extra of an asset event and as a file beside the batch manifest."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from include.dynamo_lake.coverage import FullExport, PlanItem
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import manifest_key, report_key
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.windows import Window, format_instant, parse_instant
from lake_airflow.aws import present_of
from lake_airflow.costs import Usage, estimate_cost, read_prices
from lake_airflow.exports import read_billed_bytes
from lake_airflow.lake_state import read_object, read_published
from lake_airflow.links import ReportLink
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.run_log import tell_freshness
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import CHECK_CONTRACT, FINISH, GLUE_JOB, read_batch, read_plan, read_result

log = logging.getLogger(__name__)


def event_key(batch_id: str) -> str:
    """Where the announced event of a batch is kept in the pipeline's bucket."""
    return manifest_key(batch_id).replace("manifest.json", "event.json")


def build_asset(lake: Lake) -> Asset:
    """The published table as an asset: its name is what readers query, its address where it lies."""
    return Asset(name=str(lake.readers), uri=f"s3://{lake.bucket}/warehouse/{lake.target}/", group="lake")


def announce(pipeline: str, checks: Iterable[str], crawls: Iterable[str], context: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the asset event's extra and keep it in the bucket; where nothing was due, changed or to be told, skip."""
    lake, plan, batch = read_lake(pipeline), read_plan(context), read_batch(context)
    report = _read_report_if_any(lake, batch["batch_id"])
    # A task that this pass of a cleared run skipped keeps what it told in an earlier one: it counts only beside a report.
    job_run_id = read_result(context, GLUE_JOB) if report else None
    heard = plan.get("contract_warnings", [])
    if not (plan["items"] or plan["replayed"] or job_run_id or plan["notes"] or heard or batch["foreign"]):
        raise AirflowSkipException("Nothing was due and nothing changed")
    manifest = read_manifest(lake, batch["batch_id"])
    usage = Usage(
        export_bytes=tuple(_billed_bytes(lake, manifest, Window)),
        full_export_bytes=tuple(_billed_bytes(lake, manifest, FullExport)),
        dpu_seconds=_dpu_seconds(lake, job_run_id) if job_run_id else 0.0,
        crawls=sum(1 for task_id in crawls if read_result(context, task_id)),
        scanned_bytes=_scanned_bytes(context, checks) if report else (),
    )
    done = read_result(context, FINISH)
    covered: str | None = done["covered_through"]
    warnings: list[str] = read_result(context, CHECK_CONTRACT) or heard
    extra = {
        **build_extra(lake, manifest, report, covered, usage),
        "notes": [*plan["notes"], *done["stuck"]],
        "contract_warnings": warnings,
    }
    extra["rejected_files"] += len(batch["foreign"])
    context["outlet_events"][build_asset(lake)].extra = extra
    log.info("%s", build_sentence(lake, extra))
    _keep(lake, manifest.batch_id, extra, context)
    tell_freshness(lake, extra)
    return extra


def build_extra(
    lake: Lake, manifest: BatchManifest, report: RunReport | None, covered_through: str | None, usage: Usage
) -> dict[str, Any]:
    """The extra: how fresh the table is, windows, snapshot id (as text: JSON readers round it), rows, bytes, cost."""
    published = read_published(lake.clients.s3, lake.bucket)
    now = present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    lag_s = int((now - parse_instant(covered_through)).total_seconds()) if covered_through else None
    return {
        "complete_through": covered_through,
        "lag_s": lag_s,
        "pipeline": lake.pipeline.name,
        "batch_id": manifest.batch_id,
        "windows": [str(item) for item in (*manifest.items, *manifest.replayed)],
        "inbox_files": len(manifest.inbox),
        "rejected_files": len(report.set_aside) if report else 0,
        "snapshot_id": str(published.snapshot_id) if published else None,
        "rows": {name: getattr(report.rows, name) for name in ("inserted", "updated", "deleted")} if report else None,
        "rows_total": report.rows_total if report else None,
        "quarantined": report.quarantine.total if report else None,
        "bytes": {
            "exported": sum((*usage.export_bytes, *usage.full_export_bytes)),
            "written": report.bytes_written if report else 0,
            "scanned": sum(usage.scanned_bytes),
        },
        "latency_s": _latency_s(report, published, now),
        "cost_usd": estimate_cost(usage, read_prices()),
        "announced_at": format_instant(now),
    }


def build_sentence(lake: Lake, extra: Mapping[str, Any]) -> str:
    """What the run did, for the task's log."""
    rows = extra["rows"]
    changes = "rows: " + ", ".join(f"{count} {name}" for name, count in rows.items()) if rows else "no row changed"
    total = f", {extra['rows_total']} in all" if rows else ""
    return f"{lake.readers} is complete through {extra['complete_through']}; {changes}{total}; about {extra['cost_usd']['total']} USD"


def _latency_s(report: RunReport | None, published: Published | None, now: datetime) -> dict[str, int] | None:
    """Seconds from the changes' writes until readers could see them: percentiles; None where no change tells its time."""
    if report is None or report.written is None:
        return None
    is_ours = published is not None and published.batch_id == report.batch_id
    return report.written.latency_s(parse_instant(published.published_at) if published and is_ours else now)


def _keep(lake: Lake, batch_id: str, extra: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Airflow's database may be new tomorrow: the event stays readable in the bucket."""
    key = event_key(batch_id)
    body = json.dumps(extra, indent=1).encode()
    lake.clients.s3.put_object(Bucket=lake.bucket, Key=key, Body=body, ContentType="application/json")
    ReportLink.push(context, lake.clients.s3.meta.region_name, bucket=lake.bucket, object_key=key)


def _scanned_bytes(context: Mapping[str, Any], checks: Iterable[str]) -> tuple[int, ...]:
    return tuple(scanned for check in checks if (scanned := read_result(context, check)) is not None)


def _read_report_if_any(lake: Lake, batch_id: str) -> RunReport | None:
    """The run report of a batch; None where the batch needed no merge."""
    stored = read_object(lake.clients.s3, lake.bucket, report_key(batch_id))
    return RunReport.from_json(stored.body) if stored else None


def _billed_bytes(lake: Lake, manifest: BatchManifest, kind: type[PlanItem]) -> Iterator[int]:
    """What each export of a kind was billed for that this run started; one that it found there was paid before."""
    exports = {export.export_arn: export for export in (*manifest.exports, *manifest.compared)}
    for export in exports.values():
        if isinstance(export.item, kind):
            billed = read_billed_bytes(lake.clients.s3, lake.bucket, export, since=manifest.now)
            if billed is not None:
                yield billed


def _dpu_seconds(lake: Lake, job_run_id: str) -> float:
    run = lake.clients.glue.get_job_run(JobName=lake.settings.merge_job, RunId=job_run_id)["JobRun"]
    return float(run.get("DPUSeconds") or run.get("ExecutionTime", 0) * run.get("MaxCapacity", 2.0))
