"""Batch: name in one manifest what this run applies, and say whether Spark is needed at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from include.dynamo_lake.coverage import FullExport, PlanItem, item_from_json
from include.dynamo_lake.manifests import BatchManifest, InboxFile, SourceExport, export_prefix, with_batch_id
from include.dynamo_lake.names import manifest_key
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.windows import Window, format_instant, parse_instant
from lake_airflow.errors import ExportFailedError
from lake_airflow.exports import find_attempts, read_source_export
from lake_airflow.iceberg import newest_mark, read_head
from lake_airflow.inbox import read_inbox
from lake_airflow.lake_state import read_published
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.xcoms import BATCH_KEY, FINISH, GLUE_JOB, read_plan

log = logging.getLogger(__name__)


def build_batch(pipeline: str, max_inbox_bytes: int | None = None, **context: Any) -> str:
    """Write the batch manifest and return the task to go on with: the merge, or finish where there is nothing to do.

    The batch goes to XCom ``batch``: its id, its manifest, the instant that it is not older than, how many change files
    of the inbox it takes (the oldest ``MAX_FILES``, within ``max_inbox_bytes``) and leaves, and the foreign ones with the reason, which
    ``finish`` puts aside: until then a retry finds them again.

    Raises:
        ChangeFileError: an export is not what its manifests say; the object is named.
        ExportFailedError: a planned export has not finished.
    """
    lake, plan = read_lake(pipeline), read_plan(context)
    inbox = read_inbox(lake, max_inbox_bytes)
    manifest = build_manifest(lake, plan, inbox.files, dag_id=context["dag"].dag_id, run_id=context["run_id"])
    key = manifest_key(manifest.batch_id)
    lake.clients.s3.put_object(
        Bucket=lake.bucket, Key=key, Body=manifest.to_json().encode(), ContentType="application/json"
    )
    reason = reason_to_merge(lake, manifest)
    batch = {
        "batch_id": manifest.batch_id,
        "since": plan["now"],
        "manifest": f"s3://{lake.bucket}/{key}",
        "inbox_files": len(manifest.inbox),
        "inbox_left": inbox.left,
        "foreign": [list(one) for one in inbox.foreign],
    }
    context["ti"].xcom_push(key=BATCH_KEY, value=batch)
    if inbox.left:
        log.info("%d more files of the inbox wait for a later run", inbox.left)
    log.info("Batch %s: %s", manifest.batch_id, reason or "nothing to do")
    return GLUE_JOB if reason else FINISH


def reason_to_merge(lake: Lake, manifest: BatchManifest) -> str | None:
    """Why Spark has to run; None where nothing came and nothing is left over from an earlier run."""
    if manifest.action != "merge":
        return f"action {manifest.action}"
    if any(isinstance(item, FullExport) for item in manifest.items):
        return "a full export"
    if manifest.records:
        return f"{manifest.records} statements"
    if manifest.inbox:
        return f"{len(manifest.inbox)} change files"
    return reason_left_over(lake, manifest.now)


def read_manifest(lake: Lake, batch_id: str) -> BatchManifest:
    """Read a batch's manifest back."""
    answer = lake.clients.s3.get_object(Bucket=lake.bucket, Key=manifest_key(batch_id))
    return BatchManifest.from_json(answer["Body"].read())


def reason_left_over(lake: Lake, now: datetime) -> str | None:
    """What earlier runs left (None: nothing): dirty mirror rows, a head that readers do not see, or what maintenance has to take away."""
    glue, s3, database = lake.clients.glue, lake.clients.s3, lake.settings.lake_database
    target = read_head(glue, s3, database, lake.target)
    derived = target.derived_through(target.head_id) if target and target.head_id is not None else 0
    newest_run = derived
    for mirror in lake.mirrors:
        head = read_head(glue, s3, database, mirror)
        if head is not None and newest_mark(head) > derived:
            return f"table {mirror} holds merge {newest_mark(head)}, the target only up to {derived}"
        newest_run = max(newest_run, newest_mark(head) if head else 0)
    published = read_published(s3, lake.bucket)
    if (
        target is not None
        and target.head_id is not None
        and (published is None or published.snapshot_id != target.head_id)
    ):
        return f"snapshot {target.head_id} is not published"
    maintenance = Maintenance.from_properties(target.properties) if target is not None else None
    if maintenance is not None and maintenance.is_due(now, newest_run):
        return f"maintenance, the last one was {format_instant(maintenance.at)}"
    return None


def build_manifest(
    lake: Lake, plan: Mapping[str, Any], inbox: tuple[InboxFile, ...], *, dag_id: str, run_id: str
) -> BatchManifest:
    """Read the exports of the planned items, and name the batch: the same for a retry, another for a cleared run."""
    items = tuple(item_from_json(item) for item in plan["items"])
    replayed = tuple(_windows(plan["replayed"]))
    exports = [_read_export(lake, source.id, item) for source in lake.sources for item in (*items, *replayed)]
    state = [item_from_json(plan["compared"])] if plan["compared"] else []
    covered = plan["covered_through"]
    manifest = BatchManifest(
        batch_id="",
        pipeline=lake.pipeline.name,
        dag_id=dag_id,
        run_id=run_id,
        now=parse_instant(plan["now"]),
        covered_through=parse_instant(covered) if covered else None,
        items=items,
        replayed=replayed,
        exports=tuple(exports),
        inbox=inbox,
        action=plan["action"],
        compared=tuple(_read_export(lake, source.id, item) for item in state for source in lake.sources),
    )
    return with_batch_id(manifest, plan["nonce"])


def _read_export(lake: Lake, source: str, item: PlanItem) -> SourceExport:
    s3, prefix = lake.clients.s3, export_prefix(source, item)
    attempts = find_attempts(s3, lake.clients.dynamodb, lake.bucket, prefix, lake.table_arn(source))
    finished = next((one for one in attempts if one.state == "finished"), None)
    if finished is None:
        raise ExportFailedError(
            f"No finished export of {item} of source {source} below s3://{lake.bucket}/{prefix}: clear export, which starts one"
        )
    return read_source_export(s3, lake.bucket, source, item, finished.export_arn)


def _windows(items: Iterable[Mapping[str, str]]) -> Iterator[Window]:
    parsed: Iterator[PlanItem] = (item_from_json(item) for item in items)
    return (item for item in parsed if isinstance(item, Window))
