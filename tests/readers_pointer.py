"""What readers' table pointed to, one version after the other: forwards only, over published snapshots."""

from __future__ import annotations

import json
from itertools import dropwhile, groupby
from typing import Any, Protocol

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import PUBLISHED_KEY, PipelineNames
from include.dynamo_lake.published import Published


class HasClients(Protocol):
    """Whatever makes boto3 clients of the account that holds the lake."""

    def client(self, service: str) -> Any: ...


def require_readers_went_forwards(aws: HasClients, pipeline: str, bucket: str) -> None:
    """Fail where the readers' table of a pipeline ever went back, or stood on a snapshot that was never published.

    Ever: as far back as the bucket keeps what was published; of what stood before that nothing is known any more.
    """
    s3 = aws.client("s3")
    published = published_locations(s3, bucket)
    shown = shown_since(shown_locations(aws.client("glue"), pipeline), published)
    require_forwards(shown, {location: newest_sequence(s3, bucket, location) for location in set(shown)}, published)


def shown_since(newest_first: list[str], published: set[str]) -> list[str]:
    """What a pointer moved over since the oldest of these published snapshots, the oldest first."""
    return list(dropwhile(lambda location: location not in published, moves(newest_first)))


def require_forwards(shown: list[str], sequences: dict[str, int], published: set[str]) -> None:
    """Fail where a pointer that moved over these snapshots went back, or stood on one that was never published, or there are none."""
    assert shown
    passed = [sequences[location] for location in shown]
    assert passed == sorted(passed)
    assert set(shown) <= published


def moves(newest_first: list[str]) -> list[str]:
    """What a pointer moved over, the oldest first."""
    return [location for location, _ in groupby(reversed(newest_first))]


def shown_locations(glue: Any, pipeline: str) -> list[str]:
    """Every snapshot that the readers' table pointed to, the newest first."""
    table = {
        "DatabaseName": PipelineNames(pipeline).analytics_database,
        "TableName": read_declaration(pipeline).target.table,
    }
    pages = glue.get_paginator("get_table_versions").paginate(**table)
    return [one["Table"]["Parameters"]["metadata_location"] for page in pages for one in page["TableVersions"]]


def published_locations(s3: Any, bucket: str) -> set[str]:
    """Every snapshot that the published record named: the bucket keeps its versions for some days."""
    kept = s3.list_object_versions(Bucket=bucket, Prefix=PUBLISHED_KEY)["Versions"]
    bodies = (s3.get_object(Bucket=bucket, Key=PUBLISHED_KEY, VersionId=one["VersionId"])["Body"] for one in kept)
    return {Published.from_json(body.read()).metadata_location for body in bodies}


def newest_sequence(s3: Any, bucket: str, location: str) -> int:
    body = s3.get_object(Bucket=bucket, Key=location.removeprefix(f"s3://{bucket}/"))["Body"].read()
    return int(json.loads(body)["last-sequence-number"])
