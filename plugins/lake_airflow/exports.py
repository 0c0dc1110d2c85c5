"""Exports in the pipeline's bucket: find what was started, name the next attempt, read AWS's manifests."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from include.dynamo_lake.coverage import FullExport, PlanItem, item_id
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.manifests import ExportFile, SourceExport, export_prefix, parse_export_files
from lake_airflow.aws import error_code
from lake_airflow.lake_state import read_object

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

VIEW = "NEW_IMAGE"
_REMEDY = "restore that version of the object; or delete everything below s3://{bucket}/{prefix} and clear export, which exports it again"
_ROOT = "AWSDynamoDB/"
_DATA = "data/"


@dataclass(frozen=True)
class Attempt:
    """One export that was started for an item. ``state`` is gone where AWS no longer knows it and it left no manifest."""

    export_arn: str
    state: Literal["finished", "running", "failed", "gone"]
    message: str = ""


def find_attempts(
    s3: S3Client, dynamodb: DynamoDBClient, bucket: str, prefix: str, table_arn: str
) -> tuple[Attempt, ...]:
    """Find all exports below an item's prefix, oldest first: one LIST, and a look at each (normally one)."""
    return tuple(
        _read_attempt(s3, dynamodb, bucket, f"{prefix}{_ROOT}{export_id}/", f"{table_arn}/export/{export_id}")
        for export_id in _export_ids(s3, bucket, prefix)
    )


def has_export(
    s3: S3Client, dynamodb: DynamoDBClient, bucket: str, source: str, item: PlanItem, table_arn: str
) -> bool:
    """Whether an item's export is finished or under way."""
    attempts = find_attempts(s3, dynamodb, bucket, export_prefix(source, item), table_arn)
    return any(attempt.state in {"finished", "running"} for attempt in attempts)


def build_export_request(
    bucket: str, prefix: str, table_arn: str, item: PlanItem, key_arn: str | None, spent_attempts: int
) -> dict[str, Any]:
    """Build the arguments of ``ExportTableToPointInTime``, with a token that names the attempt.

    The same attempt asked for twice is one export; an attempt after a spent one (failed, or its files deleted) is another.
    """
    request: dict[str, Any] = {
        "TableArn": table_arn,
        "S3Bucket": bucket,
        "S3Prefix": prefix.rstrip("/"),
        "ExportFormat": "DYNAMODB_JSON",
    }
    if key_arn is not None:
        request |= {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": key_arn}
    if isinstance(item, FullExport):
        request |= {"ExportType": "FULL_EXPORT", "ExportTime": item.at}
    else:
        window = {"ExportFromTime": item.start, "ExportToTime": item.end, "ExportViewType": VIEW}
        request |= {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": window}
    named = json.dumps([table_arn, bucket, prefix, item_id(item), VIEW, key_arn, spent_attempts])
    return {**request, "ClientToken": hashlib.sha256(named.encode()).hexdigest()[:36]}


def read_source_export(s3: S3Client, bucket: str, source: str, item: PlanItem, export_arn: str) -> SourceExport:
    """Read a finished export's manifests and check them: checksums, counts, and that every named file is there.

    Raises:
        ChangeFileError: naming the object that is missing or differs.
    """
    prefix = export_prefix(source, item)
    folder = f"{prefix}{_ROOT}{export_arn.rpartition('/')[2]}/"
    summary = _read_checked(s3, bucket, f"{folder}manifest-summary")
    manifest_files = _read_checked(s3, bucket, f"{folder}manifest-files")
    sizes = dict(_list_sizes(s3, bucket, prefix))
    files = tuple(_with_size(file, bucket, prefix, sizes) for file in parse_export_files(summary, manifest_files))
    return SourceExport(source, item, export_arn, prefix, files)


def read_billed_bytes(s3: S3Client, bucket: str, export: SourceExport, since: datetime) -> int | None:
    """Bytes that a finished export was billed for, from its manifest; None where it was started before ``since``."""
    key = f"{export.prefix}{_ROOT}{export.export_arn.rpartition('/')[2]}/manifest-summary.json"
    stored = read_object(s3, bucket, key)
    summary = json.loads(stored.body) if stored else {}
    started = summary.get("startTime")
    if started is not None and datetime.fromisoformat(started) < since:
        return None
    return int(summary.get("billedSizeBytes", 0))


def _export_ids(s3: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + _ROOT, Delimiter="/")
    for page in pages:
        for entry in page.get("CommonPrefixes", []):
            folder = entry["Prefix"].removeprefix(prefix + _ROOT)
            if folder != _DATA:
                yield folder.rstrip("/")


def _read_attempt(s3: S3Client, dynamodb: DynamoDBClient, bucket: str, folder: str, export_arn: str) -> Attempt:
    if _has_manifests(s3, bucket, folder):
        return Attempt(export_arn, "finished")
    try:
        description = dynamodb.describe_export(ExportArn=export_arn)["ExportDescription"]
    except ClientError as error:
        if error_code(error) == "ExportNotFoundException":
            return Attempt(export_arn, "gone")
        raise
    if description["ExportStatus"] == "FAILED":
        return Attempt(export_arn, "failed", failure_of(description))
    if description["ExportStatus"] == "IN_PROGRESS":
        return Attempt(export_arn, "running")
    # It ended since the first look, or somebody has deleted its manifests: then it is as good as failed.
    if _has_manifests(s3, bucket, folder):
        return Attempt(export_arn, "finished")
    return Attempt(export_arn, "failed", "it completed, and its manifests are gone")


def _has_manifests(s3: S3Client, bucket: str, folder: str) -> bool:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}manifest-")
    names = {entry["Key"].removeprefix(folder) for entry in listed.get("Contents", [])}
    return {"manifest-summary.json", "manifest-files.json"} <= names


def failure_of(description: Mapping[str, Any]) -> str:
    """What DynamoDB says about a failed export."""
    return f"{description.get('FailureCode', 'no code')}: {description.get('FailureMessage', 'no message')}"


def _read_checked(s3: S3Client, bucket: str, stem: str) -> bytes:
    remedy = _REMEDY.format(bucket=bucket, prefix=stem.partition(_ROOT)[0])
    stored, checksum = read_object(s3, bucket, f"{stem}.json"), read_object(s3, bucket, f"{stem}.md5")
    if stored is None or checksum is None:
        raise ChangeFileError(f"s3://{bucket}/{stem}.{'json' if stored is None else 'md5'} is missing: {remedy}")
    digest = hashlib.md5(stored.body, usedforsecurity=False)
    if checksum.body.strip() not in {base64.b64encode(digest.digest()), digest.hexdigest().encode()}:
        raise ChangeFileError(f"s3://{bucket}/{stem}.json does not match its checksum {stem}.md5: {remedy}")
    return stored.body


def _list_sizes(s3: S3Client, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"], entry["Size"]


def _with_size(file: ExportFile, bucket: str, prefix: str, sizes: Mapping[str, int]) -> ExportFile:
    if file.key not in sizes:
        raise ChangeFileError(
            f"s3://{bucket}/{file.key} is missing, the export's manifest names it: {_REMEDY.format(bucket=bucket, prefix=prefix)}"
        )
    return replace(file, bytes=sizes[file.key])
