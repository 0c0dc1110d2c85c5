"""Names of everything that belongs to one pipeline, derived from the declaration's name alone."""

from __future__ import annotations

from dataclasses import dataclass

QUARANTINE_TABLE = "quarantine"
CATALOG = "glue_catalog"

COVERAGE_KEY = "state/coverage.json"
PUBLISHED_KEY = "state/published.json"
WARNED_KEY = "state/warned.json"
EXPORTS_PREFIX = "exports/"
INBOX_PREFIX = "inbox/"
APPLIED_PREFIX = "applied/"
REJECTED_PREFIX = "rejected/"
WAREHOUSE_PREFIX = "warehouse/"

SUMMARY_RUN = "lake.run"
SUMMARY_FLOOR = "lake.floor"
SUMMARY_BATCH_ID = "lake.batch_id"
SUMMARY_AT = "lake.at"
SUMMARY_DERIVED_THROUGH = "lake.derived_through"
SUMMARY_DAYS = "lake.days"
SUMMARY_REBUILD = "lake.rebuild"


@dataclass(frozen=True)
class PipelineNames:
    """AWS and Airflow names of one pipeline (``orders`` -> ``orders_hourly``, ``orders-lake``, …)."""

    pipeline: str

    @property
    def dashed(self) -> str:
        return self.pipeline.replace("_", "-")

    @property
    def stack(self) -> str:
        return f"{self.dashed}-lake"

    @property
    def lake_database(self) -> str:
        return f"{self.pipeline}_lake"

    @property
    def analytics_database(self) -> str:
        return f"{self.pipeline}_analytics"

    @property
    def sources_database(self) -> str:
        return f"{self.pipeline}_sources"

    def bucket(self, account: str, region: str) -> str:
        """The bucket that the pipeline's stack makes."""
        return f"{self.dashed}-lake-{account}-{region}"

    def dag_id(self, kind: str) -> str:
        """``kind``: bootstrap, hourly, on_change or reconcile."""
        return f"{self.pipeline}_{kind}"


def mirror_table(source: str) -> str:
    """The mirror's table name for a source id."""
    return f"mirror_{source}"


def manifest_key(batch_id: str) -> str:
    """Where a batch's manifest is kept in the pipeline's bucket."""
    return f"batches/{batch_id}/manifest.json"


def differences_prefix(batch_id: str) -> str:
    """Below which the differences that a reconciliation found are kept in the pipeline's bucket."""
    return f"runs/{batch_id}/differences/"


def report_key(batch_id: str) -> str:
    """Where the run report of a batch is kept in the pipeline's bucket."""
    return f"runs/{batch_id}/report.json"
