"""Write an export's data files and manifests into S3, in AWS's layout."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from include.local_aws.calls import AwsError, Identity, Json
from include.local_aws.change_log import LogReader
from include.local_aws.export_parts import next_part
from include.local_aws.export_requests import ExportRequest

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


@dataclass(frozen=True)
class Written:
    """What an export wrote: its manifest's key, lines in all data files, and their bytes before compression."""

    manifest_key: str
    item_count: int
    byte_count: int


async def write_export(
    aws: LocalAws, request: ExportRequest, reader: LogReader, export_arn: str, started_at: datetime, caller: Identity
) -> Written:
    """Write everything as `caller`; the manifest summary comes last. Raises AwsError where S3 refuses a write."""
    export_id = export_arn.rpartition("/")[2]
    root = request.root
    store = _Store(aws, request, caller)
    await store.put(f"{root}/{export_id}/_started", b"")
    data_root = f"{root}/data" if request.window else f"{root}/{export_id}/data"
    lines = _lines(request, reader)
    files: list[Json] = []
    item_count = byte_count = 0
    while (part := await asyncio.to_thread(next_part, lines)) is not None:
        key = f"{data_root}/{secrets.token_hex(13)}.json.gz"
        etag = await store.put(key, part.body)
        files.append({"itemCount": part.item_count, "md5Checksum": _md5(part.body), "etag": etag, "dataFileS3Key": key})
        item_count += part.item_count
        byte_count += part.byte_count
    manifest = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in files).encode()
    files_key = f"{root}/{export_id}/manifest-files.json"
    await store.put_with_checksum(files_key, manifest)
    written = Written(f"{root}/{export_id}/manifest-summary.json", item_count, byte_count)
    summary = _summary(request, export_arn, started_at, aws.clock.now(), files_key, written)
    await store.put_with_checksum(written.manifest_key, json.dumps(summary).encode())
    return written


def _lines(request: ExportRequest, reader: LogReader) -> Iterator[bytes]:
    if request.window is None:
        for image in reader.state_before(request.at):
            yield b'{"Item":' + image + b"}\n"
        return
    with_old = request.view == "NEW_AND_OLD_IMAGES"
    for change in reader.changes_between(*request.window):
        known: Json = json.loads(change.new or change.old or b"{}")
        keys = {name: known[name] for name in request.table.key_names}
        head = {"Metadata": {"WriteTimestampMicros": {"N": str(change.written_us)}}, "Keys": keys}
        line = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
        if change.new is not None:
            line += b',"NewImage":' + change.new
        if with_old and change.old is not None:
            line += b',"OldImage":' + change.old
        yield line + b"}\n"


def _summary(
    request: ExportRequest, arn: str, started_at: datetime, ended_at: datetime, files_key: str, written: Written
) -> Json:
    times: Json = {"exportTime": _millis(request.at)}
    if request.window:
        times = {"exportFromTime": _millis(request.window[0]), "exportToTime": _millis(request.window[1])}
    return {
        "version": "2023-08-01" if request.window else "2020-06-30",
        "exportArn": arn,
        "startTime": _millis(started_at),
        "endTime": _millis(ended_at),
        "tableArn": request.table.arn,
        "tableId": request.table.table_id,
        **times,
        "s3Bucket": request.bucket,
        "s3Prefix": request.prefix or None,
        "s3SseAlgorithm": request.sse_algorithm,
        "s3SseKmsKeyId": request.sse_key_id,
        "manifestFilesS3Key": files_key,
        "billedSizeBytes": written.byte_count,
        "itemCount": written.item_count,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": request.export_type,
        **({"outputView": request.view} if request.window else {}),
    }


class _Store:
    """Puts objects into the export's bucket as its caller."""

    def __init__(self, aws: LocalAws, request: ExportRequest, caller: Identity) -> None:
        self._aws = aws
        self._bucket = request.bucket
        self._caller = caller
        self._headers = {"content-type": "application/octet-stream"}
        if request.sse_algorithm == "KMS":
            self._headers["x-amz-server-side-encryption"] = "aws:kms"
        if request.sse_key_id:
            self._headers["x-amz-server-side-encryption-aws-kms-key-id"] = request.sse_key_id

    async def put(self, key: str, body: bytes) -> str:
        """Write one object and return its ETag without quotes."""
        answer = await self._aws.request(
            "PUT",
            f"/{self._bucket}/{quote(key)}",
            service="s3",
            headers=self._headers,
            body=body,
            identity=self._caller,
        )
        if answer.status >= 300:
            text = answer.body.decode(errors="replace")
            code = text.partition("<Code>")[2].partition("</Code>")[0] or f"HTTP {answer.status}"
            message = text.partition("<Message>")[2].partition("</Message>")[0]
            raise AwsError(code, f"s3://{self._bucket}/{key}: {message}", answer.status)
        return answer.headers["etag"].strip('"')

    async def put_with_checksum(self, key: str, body: bytes) -> None:
        await self.put(key, body)
        await self.put(key.removesuffix(".json") + ".md5", _md5(body).encode())


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _millis(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
