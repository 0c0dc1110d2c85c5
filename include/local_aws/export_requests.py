"""Read and validate `ExportTableToPointInTime` requests with AWS's error names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.local_aws.base_tables import BaseTable
from include.local_aws.calls import AwsError, Json
from include.local_aws.pitr import Protection

SHORTEST_WINDOW = timedelta(minutes=15)
LONGEST_WINDOW = timedelta(hours=24)
_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


@dataclass(frozen=True)
class ExportRequest:
    """A validated request: `window` for an incremental export, else the full state before `at`."""

    table: BaseTable
    bucket: str
    prefix: str
    view: str
    at: datetime
    window: tuple[datetime, datetime] | None
    sse_algorithm: str | None
    sse_key_id: str | None

    @property
    def root(self) -> str:
        """The folder of all exports under the prefix."""
        return f"{self.prefix}/AWSDynamoDB" if self.prefix else "AWSDynamoDB"

    @property
    def export_type(self) -> str:
        return "INCREMENTAL_EXPORT" if self.window else "FULL_EXPORT"


def parse_export_request(
    body: Json, table: BaseTable, protection: Protection, latest: datetime, now: datetime
) -> ExportRequest:
    """Validate the request against the table's PITR. Raises ValidationException or InvalidExportTimeException."""
    if not body.get("S3Bucket"):
        raise AwsError(
            "ValidationException", "Value null at 's3Bucket' failed to satisfy constraint: Member must not be null"
        )
    if body.get("ExportFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
        raise AwsError("ValidationException", f"local AWS writes DYNAMODB_JSON, not {body['ExportFormat']}")
    earliest = protection.earliest(now)
    kind = body.get("ExportType", "FULL_EXPORT")
    specification = body.get("IncrementalExportSpecification")
    if kind not in ("FULL_EXPORT", "INCREMENTAL_EXPORT"):
        raise AwsError("ValidationException", f"Invalid ExportType: {kind}")
    if (kind == "INCREMENTAL_EXPORT") != (specification is not None):
        raise AwsError("ValidationException", f"IncrementalExportSpecification does not fit ExportType {kind}")
    window = _parse_window(body, specification, earliest, latest) if specification is not None else None
    at = window[1] if window else _parse_full_time(body, earliest, latest)
    view = (specification or {}).get("ExportViewType", "NEW_AND_OLD_IMAGES")
    if view not in _VIEWS:
        raise AwsError("ValidationException", f"Invalid ExportViewType: {view}; one of {', '.join(_VIEWS)}")
    prefix = str(body.get("S3Prefix") or "").strip("/")
    return ExportRequest(
        table, body["S3Bucket"], prefix, view, at, window, body.get("S3SseAlgorithm"), body.get("S3SseKmsKeyId")
    )


def _parse_full_time(body: Json, earliest: datetime, latest: datetime) -> datetime:
    given = body.get("ExportTime")
    if given is None:
        return latest
    at = _instant(given)
    # AWS takes whole seconds: the second in which PITR was switched on counts as within.
    if at < earliest.replace(microsecond=0) or at > latest:
        raise _outside("ExportTime", at, earliest, latest)
    return at


def _parse_window(body: Json, specification: Json, earliest: datetime, latest: datetime) -> tuple[datetime, datetime]:
    if "ExportTime" in body:
        raise AwsError("ValidationException", "ExportTime is not allowed with an incremental export")
    if "ExportFromTime" not in specification:
        raise AwsError("ValidationException", "IncrementalExportSpecification.ExportFromTime is required")
    start = _instant(specification["ExportFromTime"])
    end = _instant(specification["ExportToTime"]) if "ExportToTime" in specification else latest.replace(microsecond=0)
    if start < earliest.replace(microsecond=0) or start > latest:
        raise _outside("ExportFromTime", start, earliest, latest)
    if end > latest:
        raise _outside("ExportToTime", end, earliest, latest)
    if not SHORTEST_WINDOW <= end - start <= LONGEST_WINDOW:
        raise AwsError(
            "InvalidExportTimeException",
            f"The export period must be between 15 minutes and 24 hours, not {end - start} ({start:%FT%TZ} to {end:%FT%TZ})",
        )
    return start, end


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(int(epoch_s), UTC)


def _outside(field: str, given: datetime, earliest: datetime, latest: datetime) -> AwsError:
    return AwsError(
        "InvalidExportTimeException",
        f"{field} {given:%FT%TZ} lies outside the point in time recovery window: {earliest:%FT%TZ} to {latest:%FT%TZ}",
    )
