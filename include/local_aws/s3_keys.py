"""KMS behind S3: who writes into a bucket under a key may use the key, who reads may decrypt, and the key must be there.

The base stores the key's id and asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from include.local_aws import s3_requests
from include.local_aws.calls import AwsError, Identity, Json
from include.local_aws.iam_checks import Check

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def starts_write(scope: Json) -> bool:
    """Whether an S3 request puts an object or part, or starts a multipart upload."""
    starts = s3_requests.carries_object(scope) or (
        scope["method"] == "POST" and "uploads" in s3_requests.parameters_of(scope)
    )
    return starts and "/" in scope["path"].strip("/")


async def check_write(aws: LocalAws, identity: Identity | None, path: str, key_id: str | None, region: str) -> None:
    """Before an object is written: `kms:GenerateDataKey` on its key, the given one or the bucket's.

    Raises AccessDenied, or S3's error for a key that cannot be used; `identity` None is root.
    """
    used = key_id or await _default_key(aws, path.lstrip("/").split("/")[0])
    if used:
        await _check_use(aws, identity, "kms:GenerateDataKey", used, region)


async def check_copy(aws: LocalAws, identity: Identity | None, headers: dict[str, str], region: str) -> None:
    """Before an object is copied: `kms:Decrypt` on the key of its source. Raises as `check_write`."""
    source = s3_requests.source_of_copy(headers)
    if source is not None:
        found = await aws.request("HEAD", source[0], service="s3", query=source[1])
        if KEY_HEADER in found.headers:
            await _check_use(aws, identity, "kms:Decrypt", found.headers[KEY_HEADER], region)


async def check_read(aws: LocalAws, identity: Identity | None, method: str, answered: Json, region: str) -> None:
    """When a read's answer starts: `kms:Decrypt` on the object's key. Raises as `check_write`."""
    if method == "GET" and answered["status"] in (200, 206):
        names = {name.lower(): value for name, value in answered["headers"]}
        key_id = names.get(KEY_HEADER.encode())
        if key_id:
            await _check_use(aws, identity, "kms:Decrypt", key_id.decode(), region)


async def _check_use(aws: LocalAws, identity: Identity | None, action: str, key_id: str, region: str) -> None:
    try:
        described = await aws.forward("TrentService.DescribeKey", {"KeyId": key_id}, region=region)
    except AwsError as error:
        raise AwsError("KMS.NotFoundException", error.message, 400) from None
    key = described["KeyMetadata"]
    if identity is not None:
        context = {"kms:ViaService": f"s3.{region}.amazonaws.com"}
        s3_requests.enforce(aws, identity, Check(action, (key["Arn"],), context), region)
    if key["KeyState"] != "Enabled":
        code = "KMS.DisabledException" if key["KeyState"] == "Disabled" else "KMS.KMSInvalidStateException"
        raise AwsError(code, f"{key['Arn']} is {key['KeyState']}", 400)


async def _default_key(aws: LocalAws, bucket: str) -> str | None:
    """The KMS key that a bucket's default encryption names."""
    answer = await aws.request("GET", f"/{bucket}", service="s3", query="encryption=")
    if answer.status != 200:
        return None
    found = ElementTree.fromstring(answer.body).find(".//{*}KMSMasterKeyID")
    return None if found is None else found.text
