"""`ExportTableToPointInTime`, `DescribeExport`, `ListExports` over the change log."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from include.local_aws import s3_keys
from include.local_aws.base_tables import find_table
from include.local_aws.calls import AwsError, Call, Handler, Identity, Json
from include.local_aws.export_files import write_export
from include.local_aws.export_requests import ExportRequest, parse_export_request
from include.local_aws.table_keys import check_table_key

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

_TARGET = "DynamoDB_20120810."
TOKEN_LIFE = timedelta(hours=8)
KEPT = timedelta(days=90)
PAGE_SIZE = 25
RUNNING_AT_ONCE = 300
_WRITE_ACTIONS = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload")
_FAILURE_CODES = {
    "NoSuchBucket": "S3NoSuchBucket",
    "AccessDenied": "S3AccessDenied",
    "AccessDeniedException": "S3AccessDenied",
}


@dataclass
class Export:
    """One export: its description as AWS shows it, and the token and parameters it was asked for with."""

    description: Json
    token: str | None
    parameters: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass
class Exports:
    """All exports of this instance by ARN, oldest first."""

    by_arn: dict[str, Export] = field(default_factory=dict)

    def with_token(self, token: str, now: datetime) -> Export | None:
        """The export that holds this token: until 8 hours after it ended. A failed one keeps it too."""
        for export in self.by_arn.values():
            held = export.ended_at is None or now < export.ended_at + TOKEN_LIFE
            if export.token == token and held:
                return export
        return None

    def running(self) -> int:
        return sum(one.description["ExportStatus"] == "IN_PROGRESS" for one in self.by_arn.values())


async def export_table(call: Call, aws: LocalAws) -> Json:
    table_arn = str(call.body.get("TableArn") or "")
    aws.authorize(call, "dynamodb:ExportTableToPointInTime", table_arn)
    table = find_table(call.account, call.region, table_arn)
    if table is None or table.arn != table_arn:
        raise AwsError("TableNotFoundException", f"Table not found: {table_arn}")
    check_table_key(aws, call.identity, table_arn, call.region)
    now = aws.clock.now()
    token = call.body.get("ClientToken")
    parameters = json.dumps({key: value for key, value in call.body.items() if key != "ClientToken"}, sort_keys=True)
    earlier = aws.exports.with_token(token, now) if token else None
    if earlier is not None:
        if earlier.parameters != parameters:
            raise AwsError("ExportConflictException", f"ClientToken {token} was used with other parameters")
        return {"ExportDescription": earlier.description}
    protection = aws.pitr.protection(table.table_id)
    if protection is None:
        raise AwsError(
            "PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table {table.name}"
        )
    if aws.exports.running() >= RUNNING_AT_ONCE:
        raise AwsError("LimitExceededException", f"At most {RUNNING_AT_ONCE} exports may run at once")
    request = parse_export_request(call.body, table, protection, aws.pitr.latest(now), now)
    export = Export(_description(request, now, call.body, token), token, parameters, now)
    aws.exports.by_arn[export.description["ExportArn"]] = export
    aws.background(_run(aws, export, request, call.identity))
    return {"ExportDescription": dict(export.description)}


def _description(request: ExportRequest, now: datetime, body: Json, token: str | None) -> Json:
    export_id = f"{int(now.timestamp() * 1000):014d}-{secrets.token_hex(4)}"
    description: Json = {
        "ExportArn": f"{request.table.arn}/export/{export_id}",
        "ExportStatus": "IN_PROGRESS",
        "StartTime": now.timestamp(),
        "TableArn": request.table.arn,
        "TableId": request.table.table_id,
        "S3Bucket": request.bucket,
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": request.export_type,
    }
    description |= {
        name: body[name] for name in ("S3Prefix", "S3BucketOwner", "S3SseAlgorithm", "S3SseKmsKeyId") if body.get(name)
    }
    if token:
        description["ClientToken"] = token
    if request.window is None:
        description["ExportTime"] = request.at.timestamp()
    else:
        start, end = request.window
        description["IncrementalExportSpecification"] = {
            "ExportFromTime": start.timestamp(),
            "ExportToTime": end.timestamp(),
            "ExportViewType": request.view,
        }
    return description


async def _run(aws: LocalAws, export: Export, request: ExportRequest, caller: Identity) -> None:
    description = export.description
    try:
        for action in _WRITE_ACTIONS:
            aws.authorize_identity(caller, action, f"arn:aws:s3:::{request.bucket}/{request.root}/data/probe")
        if description.get("S3BucketOwner", caller.account_id) != caller.account_id:
            raise AwsError("AccessDenied", f"s3://{request.bucket} is not {description['S3BucketOwner']}'s")
        await s3_keys.check_write(aws, caller, f"/{request.bucket}/probe", request.sse_key_id, aws.settings.region)
        reader = aws.change_log.reader(request.table.table_id)
        written = await write_export(aws, request, reader, description["ExportArn"], export.started_at, caller)
    except Exception as error:
        code = error.code if isinstance(error, AwsError) else "UNKNOWN"
        description |= {
            "FailureCode": _FAILURE_CODES.get(code, code),
            "FailureMessage": error.message if isinstance(error, AwsError) else repr(error),
        }
        _end(aws, export, "FAILED")
        return
    description |= {
        "ExportManifest": written.manifest_key,
        "ItemCount": written.item_count,
        "BilledSizeBytes": written.byte_count,
    }
    _end(aws, export, "COMPLETED")


def _end(aws: LocalAws, export: Export, status: str) -> None:
    export.ended_at = aws.clock.now()
    export.description |= {"ExportStatus": status, "EndTime": export.ended_at.timestamp()}


async def describe_export(call: Call, aws: LocalAws) -> Json:
    arn = str(call.body.get("ExportArn") or "")
    aws.authorize(call, "dynamodb:DescribeExport", arn)
    export = aws.exports.by_arn.get(arn)
    if export is None or _forgotten(export, aws.clock.now()):
        raise AwsError("ExportNotFoundException", f"Export not found: {arn}")
    return {"ExportDescription": export.description}


async def list_exports(call: Call, aws: LocalAws) -> Json:
    """ARN, status and type only, newest first, at most 25 a page, for 90 days."""
    table_arn = call.body.get("TableArn")
    aws.authorize(call, "dynamodb:ListExports", table_arn or f"arn:aws:dynamodb:{call.region}:{call.account}:table/*")
    now = aws.clock.now()
    found = [
        {name: export.description[name] for name in ("ExportArn", "ExportStatus", "ExportType")}
        for export in reversed(aws.exports.by_arn.values())
        if not _forgotten(export, now) and table_arn in (None, export.description["TableArn"])
    ]
    size = int(call.body.get("MaxResults") or PAGE_SIZE)
    if not 1 <= size <= PAGE_SIZE:
        raise AwsError("ValidationException", f"MaxResults must be between 1 and {PAGE_SIZE}, not {size}")
    after = call.body.get("NextToken")
    start = next((place + 1 for place, one in enumerate(found) if one["ExportArn"] == after), None if after else 0)
    if start is None:
        raise AwsError("ValidationException", f"NextToken {after} is not one that was given out")
    page = found[start : start + size]
    more = {"NextToken": page[-1]["ExportArn"]} if start + size < len(found) else {}
    return {"ExportSummaries": page, **more}


def _forgotten(export: Export, now: datetime) -> bool:
    return export.ended_at is not None and now > export.ended_at + KEPT


HANDLERS: dict[str, Handler] = {
    _TARGET + "ExportTableToPointInTime": export_table,
    _TARGET + "DescribeExport": describe_export,
    _TARGET + "ListExports": list_exports,
}
