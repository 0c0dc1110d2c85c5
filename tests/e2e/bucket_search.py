"""Print the key of every version of every object in a bucket that holds a text, however it is packed.

``python -m tests.e2e.bucket_search <bucket> <text>``, in local AWS's environment: it reads Parquet.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow.parquet as pq


def main() -> None:
    bucket, text = sys.argv[1], sys.argv[2].encode()
    s3 = boto3.client("s3")
    for version in _versions(s3, bucket):
        key = version["Key"]
        body = s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])["Body"].read()
        if any(text in unpacked for unpacked in (key.encode(), body, _unpacked(key, body))):
            print(key)


def _versions(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield from page.get("Versions", [])


def _unpacked(key: str, body: bytes) -> bytes:
    if key.endswith(".gz"):
        return gzip.decompress(body)
    if key.endswith(".parquet"):
        return str(pq.read_table(io.BytesIO(body)).to_pylist()).encode()
    return b"".join(_avro_blocks(body)) if key.endswith(".avro") else b""


def _avro_blocks(body: bytes) -> Iterator[bytes]:
    """The inflated blocks of an Avro file: two varints (count, size) and the data, between equal sync markers."""
    for block in body.split(body[-16:])[1:-1]:
        at = 0
        for _ in range(2):
            while block[at] & 0x80:
                at += 1
            at += 1
        yield zlib.decompressobj(-15).decompress(block[at:])


if __name__ == "__main__":
    main()
