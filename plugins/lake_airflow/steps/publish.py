"""Publish: let readers see the verified snapshot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import present_of
from lake_airflow.iceberg import read_metadata
from lake_airflow.links import SnapshotLink
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.publishing import point_to_published, publish
from lake_airflow.steps.verify import read_report
from lake_airflow.xcoms import read_batch

log = logging.getLogger(__name__)


def publish_snapshot(pipeline: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Move readers to the snapshot that the batch's report names, forwards only; return what is published now."""
    lake = read_lake(pipeline)
    candidate = build_candidate(lake, read_report(lake, read_batch(context)["batch_id"]))
    published = publish(lake.clients.s3, lake.clients.glue, lake.readers, candidate)
    key = published.metadata_location.removeprefix(f"s3://{lake.bucket}/")
    SnapshotLink.push(context, lake.clients.s3.meta.region_name, bucket=lake.bucket, object_key=key)
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
    """Put the readers' table back to the published record if anyone moved it; return where it had been."""
    lake = read_lake(pipeline)
    found = point_to_published(lake.clients.s3, lake.clients.glue, lake.readers)
    if found is not None:
        log.warning(
            "%s showed %s, which was not published: it was put back. A crawl or a person moved it. Only the run's own task may "
            "start crawler %s: withdraw glue:StartCrawler on it from everybody but the pipeline's Airflow role, and its schedule",
            lake.readers,
            found or "nothing",
            lake.settings.output_crawler,
        )
    return found
