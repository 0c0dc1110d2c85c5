"""The objects of the pipeline's bucket, as the driver reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

CHUNK_BYTES = 1 << 18


class MissingObjectError(Exception):
    """There is no object of this key."""


class ObjectStore(Protocol):
    """A bucket, or a folder that stands for one."""

    def read(self, key: str) -> bytes:
        """The whole object. Raises ``MissingObjectError``."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """The object piece by piece. Raises ``MissingObjectError``."""

    def write(self, key: str, body: bytes) -> None:
        """Put the object, replacing what is there."""

    def uri(self, key: str) -> str:
        """How Spark names the object."""

    def key_of(self, uri: str) -> str:
        """The key of what Spark names so."""


class Bucket:
    """An S3 bucket; endpoint, region and credentials come from the environment."""

    def __init__(self, name: str) -> None:
        self.name = name

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
            body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
        except self._client.exceptions.NoSuchKey as error:
            raise MissingObjectError(key) from error
        return iter(body.iter_chunks(CHUNK_BYTES))

    def write(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def key_of(self, uri: str) -> str:
        return unquote(urlparse(uri).path).lstrip("/")
