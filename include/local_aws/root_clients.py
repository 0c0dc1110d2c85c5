"""boto3 clients of local AWS itself, as root: for worker threads, which stream files without holding the event loop."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError as UploadFailed
from botocore.config import Config
from botocore.exceptions import ClientError

from include.local_aws.calls import Settings

__all__ = ["ClientError", "UploadFailed", "client"]


def client(settings: Settings, service: str) -> Any:
    """A client for `service`, made once."""
    return _client(service, settings.endpoint_url, settings.region, settings.root_access_key, settings.root_secret_key)


@cache
def _client(service: str, endpoint: str, region: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}),
    )  # fmt: skip
