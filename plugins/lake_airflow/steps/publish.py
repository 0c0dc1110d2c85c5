"""Publish: let readers see the verified snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.iceberg import read_head, read_metadata
from lake_airflow.links import SnapshotLink
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.publishing import publish, put_back
from lake_airflow.steps.verify import read_report
from lake_airflow.xcoms import read_batch


def publish_snapshot(pipeline: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Move readers to the snapshot that the batch's report names, forwards only; return what is published now."""
    lake = read_lake(pipeline)
    candidate = build_candidate(lake, read_report(lake, read_batch(context)["batch_id"]))
    s3, glue = lake.clients.s3, lake.clients.glue
    head = read_head(glue, s3, lake.settings.lake_database, lake.target)
    published = publish(s3, glue, lake.readers, candidate, lake_uuid=head.table_uuid if head else None)
    key = published.metadata_location.removeprefix(f"s3://{lake.bucket}/")
    SnapshotLink.push(context, s3.meta.region_name, bucket=lake.bucket, object_key=key)
    return {"snapshot_id": str(published.snapshot_id), "metadata_location": published.metadata_location}


def build_candidate(lake: Lake, report: RunReport) -> Published:
    """What would be published: the target's last snapshot that the report names, with its marks from Iceberg's metadata."""
    state = report.tables[lake.target]
    metadata = read_metadata(lake.clients.s3, state.metadata_location)
    bucket = lake.clients.s3.head_bucket(Bucket=lake.bucket)
    return Published(
        snapshot_id=state.snapshot_id,
        metadata_location=state.metadata_location,
        derived_through=report.derived_through,
        sequence_number=metadata.sequence_number(state.snapshot_id),
        table_uuid=metadata.table_uuid,
        batch_id=report.batch_id,
        published_at=format_instant(present_of(bucket)),
    )


def assert_pointer(pipeline: str) -> str | None:
    """Put the readers' table back to the published record if it is elsewhere; return where it had been."""
    lake = read_lake(pipeline)
    return put_back(lake.clients.s3, lake.clients.glue, lake.readers)
