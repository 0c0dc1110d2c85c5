"""Exports of one window in the fake bucket: finished, or only started."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from include.dynamo_lake.coverage import item_from_json
from include.dynamo_lake.manifests import export_prefix
from tests.plugins.fakes import FakeClients, FakeS3

TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/orders"
ITEM = {"kind": "window", "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T02:00:00Z"}
WINDOW = item_from_json(ITEM)
PREFIX = export_prefix("orders", WINDOW)


def put_manifests(s3: FakeS3, folder: str, key: str, records: int, **summary: Any) -> None:
    """The manifests of an export of one file, with their checksums."""
    line = {"itemCount": records, "md5Checksum": "m", "etag": "e", "dataFileS3Key": key}
    for name, content in (("files", line), ("summary", {"itemCount": records, **summary})):
        body = json.dumps(content).encode()
        s3.objects[f"{folder}manifest-{name}.json"] = body
        s3.objects[f"{folder}manifest-{name}.md5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest())


def put_export(s3: FakeS3, prefix: str, records: int, export_id: str = "0001", **summary: Any) -> None:
    """A finished export of one file."""
    key = f"{prefix}AWSDynamoDB/data/x.json.gz"
    s3.objects[key] = b"12345"
    put_manifests(s3, f"{prefix}AWSDynamoDB/{export_id}/", key, records, **summary)


def put_finished(clients: FakeClients, export_id: str = "0001") -> str:
    put_export(clients.s3, PREFIX, 2, export_id, billedSizeBytes=77)
    return f"{TABLE}/export/{export_id}"


def put_started(clients: FakeClients, export_id: str, status: str) -> str:
    arn = f"{TABLE}/export/{export_id}"
    clients.s3.objects[f"{PREFIX}AWSDynamoDB/{export_id}/_started"] = b""
    clients.dynamodb.exports[arn] = {"ExportArn": arn, "ExportStatus": status, "FailureCode": "S3AccessDenied"}
    return arn
