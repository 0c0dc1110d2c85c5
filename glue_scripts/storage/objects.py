"""The objects of the pipeline's bucket, as the driver reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

from include.dynamo_lake.errors import TransientError
from include.dynamo_lake.retention import StoredFile

CHUNK_BYTES = 1 << 18
_DELETED_AT_ONCE = 1000


class MissingObjectError(Exception):
    """There is no object of this key."""


class DeletionFailedError(TransientError):
    """S3 kept an object that maintenance wanted gone; the next maintenance tries again."""


class ObjectStore(Protocol):
    """A bucket, or a folder that stands for one."""

    def read(self, key: str) -> bytes:
        """The whole object. Raises ``MissingObjectError``."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """The object piece by piece. Raises ``MissingObjectError``."""

    def write(self, key: str, body: bytes) -> None:
        """Put the object, replacing what is there."""

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """All objects whose keys start so."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone is no matter."""

    def uri(self, key: str) -> str:
        """How Spark names the object."""

    def key_of(self, uri: str) -> str:
        """The key of what Spark names so."""


class Bucket:
    """An S3 bucket; endpoint, region and credentials come from the environment.

    ``present``: AWS's present at the last object that was read (None before).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.present: datetime | None = None

    @cached_property
    def _client(self) -> Any:
        import boto3  # here, not above: tests of the transforms need no AWS SDK
        from botocore.config import Config

        return boto3.client(
            "s3", config=Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 6})
        )

    def read(self, key: str) -> bytes:
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        try:
            answer = self._client.get_object(Bucket=self.name, Key=key)
        except self._client.exceptions.NoSuchKey as error:
            raise MissingObjectError(key) from error
        self.present = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
        return iter(answer["Body"].iter_chunks(CHUNK_BYTES))

    def write(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    def files(self, prefix: str) -> Iterator[StoredFile]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield StoredFile(entry["Key"], entry["LastModified"])

    def delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            named = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
            answer = self._client.delete_objects(Bucket=self.name, Delete={"Objects": named, "Quiet": True})
            if failed := answer.get("Errors"):
                raise DeletionFailedError(
                    f"{self.uri(failed[0]['Key'])} was not deleted: {failed[0]['Message']}. "
                    "Give the job's role s3:DeleteObject on it back, or lift what holds the object"
                )

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def key_of(self, uri: str) -> str:
        return unquote(urlparse(uri).path).lstrip("/")
