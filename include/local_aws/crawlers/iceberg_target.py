"""A crawl's Iceberg target: find the newest metadata under a path and point the catalog table at it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.types import IcebergType, ListType, MapType, StructType

from include.local_aws import root_clients
from include.local_aws.calls import AwsError, Json
from include.local_aws.core import LocalAws
from include.local_aws.crawlers.catalog import CrawlCatalog
from include.local_aws.crawlers.dynamodb_target import catalog_name

_METADATA = re.compile(r"^(.*/)metadata/(?:v(\d+)|(\d+)-[^/]*)\.metadata\.json$")
_SIMPLE = {
    "boolean": "boolean", "int": "int", "long": "bigint", "float": "float", "double": "double", "date": "date", "time": "string",
    "timestamp": "timestamp", "timestamptz": "timestamp", "string": "string", "uuid": "string", "binary": "binary",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """An Iceberg table in S3: its folder (with a closing slash) and its newest metadata file."""

    bucket: str
    folder: str
    key: str
    version: int
    modified: datetime

    @property
    def name(self) -> str:
        return catalog_name(self.folder.rstrip("/").rpartition("/")[2])

    @property
    def metadata_location(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


async def crawl_iceberg(target: Json, prefix: str, catalog: CrawlCatalog, aws: LocalAws, *, update: bool) -> list[str]:
    """Create or update a table for each Iceberg table under the target's paths. Raises AwsError."""
    done: list[str] = []
    for path in target.get("Paths") or []:
        bucket, _, key = str(path).removeprefix("s3://").partition("/")
        prefix_listed = key if not key or key.endswith("/") else key + "/"
        catalog.authorize("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix_listed})
        depth = int(target.get("MaximumTraversalDepth") or 10)
        for found in await _find(aws, bucket, prefix_listed, depth):
            catalog.authorize("s3:GetObject", f"arn:aws:s3:::{bucket}/{found.key}")
            done.append(await _catalog_table(found, prefix, catalog, aws, update=update))
    return done


async def _find(aws: LocalAws, bucket: str, prefix: str, depth: int) -> list[Found]:
    try:
        return await asyncio.to_thread(_newest, root_clients.client(aws.settings, "s3"), bucket, prefix, depth)
    except root_clients.ClientError as error:
        raise AwsError(
            error.response["Error"]["Code"], f"s3://{bucket}/{prefix}: {error.response['Error']['Message']}"
        ) from error


def _newest(s3: Any, bucket: str, prefix: str, depth: int) -> list[Found]:
    newest: dict[str, Found] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            match = _METADATA.match(one["Key"])
            if match is None or match.group(1).removeprefix(prefix).count("/") > depth:
                continue
            found = Found(
                bucket, match.group(1), one["Key"], int(match.group(2) or match.group(3)), one["LastModified"]
            )
            best = newest.get(found.folder)
            if best is None or (found.version, found.modified) > (best.version, best.modified):
                newest[found.folder] = found
    return list(newest.values())


async def _catalog_table(found: Found, prefix: str, catalog: CrawlCatalog, aws: LocalAws, *, update: bool) -> str:
    text = await asyncio.to_thread(_read, aws, found)
    try:
        schema = TableMetadataUtil.parse_obj(json.loads(text)).schema()
    except ValueError as error:
        raise AwsError(
            "InvalidInputException", f"{found.metadata_location} is not Iceberg metadata: {error}"
        ) from error
    present = await catalog.table(prefix + found.name)
    before = ((present or {}).get("Parameters") or {}).get("metadata_location")
    if before == found.metadata_location:
        return ""
    parameters = {
        **((present or {}).get("Parameters") or {}),
        "table_type": "ICEBERG",
        "metadata_location": found.metadata_location,
    }
    parameters |= {"previous_metadata_location": before} if before else {}
    storage = {"Columns": glue_columns(schema), "Location": f"s3://{found.bucket}/{found.folder.rstrip('/')}"}
    definition: Json = {
        "Name": prefix + found.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "StorageDescriptor": storage,
    }
    return await catalog.put(definition, present, update=update)


def _read(aws: LocalAws, found: Found) -> bytes:
    body: bytes = root_clients.client(aws.settings, "s3").get_object(Bucket=found.bucket, Key=found.key)["Body"].read()
    return body


def glue_columns(schema: Schema) -> list[Json]:
    """The columns as Iceberg's own Glue catalog writes them."""
    return [
        {
            "Name": field.name,
            "Type": _glue_type(field.field_type),
            "Parameters": {
                "iceberg.field.id": str(field.field_id),
                "iceberg.field.optional": str(field.optional).lower(),
                "iceberg.field.current": "true",
            },
        }
        for field in schema.fields
    ]


def _glue_type(kind: IcebergType) -> str:
    if isinstance(kind, ListType):
        return f"array<{_glue_type(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{_glue_type(kind.key_type)},{_glue_type(kind.value_type)}>"
    if isinstance(kind, StructType):
        return "struct<" + ",".join(f"{field.name}:{_glue_type(field.field_type)}" for field in kind.fields) + ">"
    text = str(kind).replace(" ", "")
    return text if text.startswith("decimal") else _SIMPLE.get(text, "binary")
