"""Queries of the declared checks, over everything that changed since the published snapshot."""

from __future__ import annotations

from datetime import date, timedelta

from include.dynamo_lake.checks import Snapshots, render_check
from include.dynamo_lake.names import QUARANTINE_TABLE, SUMMARY_REBUILD, mirror_table
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import RunReport
from lake_airflow.iceberg import TableMetadata, read_metadata
from lake_airflow.lake_state import read_published
from lake_airflow.pipelines import Lake
from lake_airflow.steps.verify import read_report

# The years that a timestamp may have.
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


def build_check_query(lake: Lake, check: str, batch_id: str) -> str:
    """Render a check at the snapshots that a batch's report names.

    Covers what earlier runs merged and did not publish too: days from the marks of all commits since the published snapshot,
    items from its ``derived_through``. After a reconciliation, or a rebuild that is not published yet, the whole table is
    checked; so it is where somebody else has committed to it: such a commit does not say what it changed.
    """
    report = read_report(lake, batch_id)
    state = report.tables[lake.target]
    metadata = read_metadata(lake.clients.s3, state.metadata_location)
    published = read_published(lake.clients.s3, lake.bucket)
    if published is not None and published.table_uuid != metadata.table_uuid:
        published = None  # the table was made anew: nothing of it is published
    older = published.snapshot_id if published else None
    since_run = published.derived_through if published else 0
    is_rebuilt = metadata.is_marked_between(SUMMARY_REBUILD, older, state.snapshot_id)
    is_whole = is_rebuilt or report.reconciled is not None or metadata.is_foreign_between(older, state.snapshot_id)
    return render_check(
        check,
        lake.pipeline,
        build_snapshots(lake, report),
        days=_every_day() if is_whole else changed_days(metadata, state.snapshot_id, published),
        since_run=0 if is_whole else since_run,
        filled_since_run=0 if is_rebuilt else since_run,
    )


def build_snapshots(lake: Lake, report: RunReport) -> Snapshots:
    """The snapshots of the run: of the target, the main source's mirror and the quarantine."""

    def snapshot(table: str) -> int | None:
        return (report.tables[table].snapshot_id or None) if table in report.tables else None

    mirror = mirror_table(lake.pipeline.main.id)
    return Snapshots(target=snapshot(lake.target), mirror=snapshot(mirror), quarantine=snapshot(QUARANTINE_TABLE))


def changed_days(metadata: TableMetadata, snapshot_id: int, published: Published | None) -> tuple[date, ...]:
    """Days that commits after the published snapshot changed; all days where the commits between are no longer known."""
    days = metadata.days_between(published.snapshot_id if published else None, snapshot_id)
    return _every_day() if days is None else tuple(date.fromisoformat(day) for day in days)


def _every_day() -> tuple[date, ...]:
    return tuple(_FIRST_DAY + timedelta(days=one) for one in range((_LAST_DAY - _FIRST_DAY).days + 1))
