"""What tests of exports share: tables, buckets, reading an export back."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.local_aws.clock import parse_instant
from include.local_aws.process import RunningLocalAws

Item = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A fresh table with PITR and a fresh bucket."""

    running: RunningLocalAws
    dynamodb: Any
    s3: Any
    table: str
    bucket: str

    @property
    def arn(self) -> str:
        return str(self.dynamodb.describe_table(TableName=self.table)["Table"]["TableArn"])

    def now(self) -> datetime:
        return parse_instant(self.running.ask("GET", "/_local/status")["now"])

    def next_edge(self, seconds: int = 1000) -> datetime:
        """A whole second after every write so far; later writes come at least `seconds - 1` after it."""
        edge = self.now().replace(microsecond=0) + timedelta(seconds=1)
        self.running.ask("POST", "/_local/clock", {"advance": seconds})
        return edge

    def export(self, **options: Any) -> dict[str, Any]:
        """Run an export to its end and return its description."""
        started = self.dynamodb.export_table_to_point_in_time(TableArn=self.arn, S3Bucket=self.bucket, **options)
        return self.wait(started["ExportDescription"]["ExportArn"])

    def export_window(self, start: datetime, end: datetime, view: str = "NEW_IMAGE", **options: Any) -> dict[str, Any]:
        window = {"ExportFromTime": start, "ExportToTime": end, "ExportViewType": view}
        return self.export(ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=window, **options)

    def wait(self, arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
            if found["ExportStatus"] != "IN_PROGRESS":
                return found
            time.sleep(0.02)
        raise AssertionError(f"{arn} did not end within 20 s")

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def read_lines(self, export: dict[str, Any]) -> list[Item]:
        """All lines of a completed export by its manifests, with checksums and counts verified."""
        assert export["ExportStatus"] == "COMPLETED", export
        summary = json.loads(self.checked(export["ExportManifest"]))
        lines: list[Item] = []
        for row in self.checked(summary["manifestFilesS3Key"]).decode().splitlines():
            one = json.loads(row)
            body = self.read(one["dataFileS3Key"])
            assert base64.b64encode(hashlib.md5(body).digest()).decode() == one["md5Checksum"]
            assert self.s3.head_object(Bucket=self.bucket, Key=one["dataFileS3Key"])["ETag"] == f'"{one["etag"]}"'
            found = [json.loads(line) for line in gzip.decompress(body).splitlines()]
            assert len(found) == one["itemCount"]
            lines += found
        assert summary["itemCount"] == export["ItemCount"] == len(lines)
        return lines

    def checked(self, key: str) -> bytes:
        body = self.read(key)
        checksum = self.read(key.removesuffix(".json") + ".md5").decode()
        assert checksum == base64.b64encode(hashlib.md5(body).digest()).decode()
        return body


def make_place(running: RunningLocalAws, client: Callable[..., Any], *, pitr: bool = True) -> Place:
    dynamodb, s3 = client("dynamodb"), client("s3")
    name = f"t-{uuid.uuid4().hex[:12]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    if pitr:
        switch_pitr(dynamodb, name, on=True)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": running.environment["AWS_REGION"]})
    return Place(running, dynamodb, s3, name, name)


def switch_pitr(dynamodb: Any, table: str, *, on: bool, **options: Any) -> None:
    specification = {"PointInTimeRecoveryEnabled": on, **options}
    dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=specification)
