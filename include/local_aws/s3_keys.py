"""KMS rights behind S3: who writes into a bucket under a key may use the key, who reads may decrypt.

The base stores the key's id and asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from include.local_aws import base
from include.local_aws.calls import AwsError, Identity, Json
from include.local_aws.iam_checks import Check

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def starts_write(scope: Json) -> bool:
    """Whether an S3 request puts an object or part, or starts a multipart upload."""
    starts = scope["method"] == "PUT" or (scope["method"] == "POST" and b"uploads" in scope.get("query_string", b""))
    return starts and "/" in scope["path"].strip("/")


async def check_write(aws: LocalAws, identity: Identity, path: str, key_id: str | None, region: str) -> None:
    """Before an object is written: `kms:GenerateDataKey` on its key, the given one or the bucket's. Raises AccessDenied."""
    used = key_id or await _default_key(aws, path.lstrip("/").split("/")[0])
    if used:
        _enforce(aws, identity, "kms:GenerateDataKey", await _key_arn(aws, used), region)


def check_read(aws: LocalAws, identity: Identity, method: str, answered: Json, region: str) -> None:
    """When a read's answer starts: `kms:Decrypt` on the object's key. Raises AccessDenied."""
    if method == "GET" and answered["status"] in (200, 206):
        names = {name.lower(): value for name, value in answered["headers"]}
        key_arn = names.get(KEY_HEADER.encode())
        if key_arn:
            _enforce(aws, identity, "kms:Decrypt", key_arn.decode(), region)


def _enforce(aws: LocalAws, identity: Identity, action: str, arn: str, region: str) -> None:
    try:
        aws.enforce(identity, Check(action, (arn,), {"kms:ViaService": f"s3.{region}.amazonaws.com"}), region)
    except AwsError as error:
        raise AwsError("AccessDenied", error.message, 403) from None


async def _default_key(aws: LocalAws, bucket: str) -> str | None:
    """The KMS key that a bucket's default encryption names."""
    answer = await aws.request("GET", f"/{bucket}", service="s3", query="encryption=")
    if answer.status != 200:
        return None
    found = ElementTree.fromstring(answer.body).find(".//{*}KMSMasterKeyID")
    return None if found is None else found.text


async def _key_arn(aws: LocalAws, key_id: str) -> str:
    if ":key/" in key_id:
        return key_id
    described = await aws.forward("TrentService.DescribeKey", {"KeyId": key_id})
    return str(described["KeyMetadata"]["Arn"])


def refusing_send(aws: LocalAws, identity: Identity, method: str, region: str, send: Any) -> Any:
    """A `send` that turns the answer of a read that may not decrypt into AccessDenied."""
    refused = False

    async def check_then_send(message: Json) -> None:
        nonlocal refused
        if refused:
            return
        if message["type"] == "http.response.start":
            try:
                check_read(aws, identity, method, message, region)
            except AwsError as error:
                refused = True
                answer = base.xml_error_answer(error, "s3")
                pairs = [(b"content-type", b"text/xml"), (b"content-length", str(len(answer.body)).encode())]
                await send({"type": "http.response.start", "status": 403, "headers": pairs})
                await send({"type": "http.response.body", "body": answer.body})
                return
        await send(message)

    return check_then_send
