"""Where a pipeline's data lies: the stack's own bucket and key, yours, or what an earlier stack of the pipeline left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.dynamo_lake.errors import TerminalError


class ChangedStorageError(TerminalError):
    """Another key or bucket was named than the one that holds the data."""


class OwnBucketNeedsKeyError(TerminalError):
    """A bucket of one's own was named without the key that encrypts it."""


@dataclass(frozen=True)
class Storage:
    """Bucket and databases, and whether the stack makes them; ``own_key_arn`` is '' where the stack makes the key."""

    bucket: str
    creates_bucket: bool = True
    creates_databases: bool = True
    own_key_arn: str = ""


def resolve_storage(
    own_bucket: str | None, own_key_arn: str | None, present: Mapping[str, str], default_bucket: str, stack: str
) -> Storage:
    """Return the storage as told, else as the stack has it, else (no stack: ``present`` is empty) the default.

    Raises:
        ChangedStorageError: the stack's data lies elsewhere, or under another key.
        OwnBucketNeedsKeyError: naming what to add.
    """
    bucket = own_bucket or present.get("BucketName", default_bucket)
    key = own_key_arn or present.get("OwnKeyArn", "")
    if present and bucket != present.get("BucketName", default_bucket):
        raise ChangedStorageError(
            f"stack {stack} keeps its data in {present.get('BucketName', default_bucket)}, not in {bucket}: take bucket "
            "out again, or move the data to a pipeline of another name"
        )
    if present and key != present.get("OwnKeyArn", ""):
        raise ChangedStorageError(
            f"stack {stack} encrypts with {present.get('OwnKeyArn') or 'a key of its own'}: its objects could not be "
            f"read under {key}; take key_arn out again, or move the data to a pipeline of another name"
        )
    creates_bucket = present.get("CreateBucket") != "false" and not own_bucket
    if not creates_bucket and not key:
        raise OwnBucketNeedsKeyError(
            f"bucket {bucket} is your own, so the key that it encrypts with must be named too: add key_arn"
        )
    return Storage(bucket, creates_bucket, present.get("CreateDatabases") != "false", key)
