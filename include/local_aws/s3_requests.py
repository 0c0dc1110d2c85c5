"""What S3 refuses and the base lets pass: another's bucket, conditions, small parts, keys that a caller may not know of."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote
from xml.etree import ElementTree

from include.local_aws.base import xml_error_answer
from include.local_aws.calls import AwsError, Identity, Json
from include.local_aws.iam_checks import Check

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

SMALLEST_PART = 5 * 1024 * 1024
_COPY_SOURCE = "x-amz-copy-source"


def parameters_of(scope: Json) -> dict[str, list[str]]:
    """What a request's query asks for, without what signs a presigned URL."""
    found = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return {name: values for name, values in found.items() if not name.lower().startswith("x-amz-") and name != "x-id"}


def carries_object(scope: Json) -> bool:
    """Whether a PUT carries object bytes (a plain put or a part) rather than settings."""
    parameters = parameters_of(scope)
    return scope["method"] == "PUT" and (not parameters or "uploadId" in parameters)


def source_of_copy(headers: dict[str, str]) -> tuple[str, str] | None:
    """Path (quoted) and query of the object that a request copies."""
    if _COPY_SOURCE not in headers:
        return None
    path, _, query = headers[_COPY_SOURCE].partition("?")
    return "/" + quote(unquote(path).lstrip("/")), query


async def check_request(aws: LocalAws, scope: Json, headers: dict[str, str], body: bytes, account: str) -> None:
    """Raise what S3 answers to a request that it refuses, or NotImplementedByLocalAws for what nothing here would do."""
    await _check_owners(aws, scope, headers, account)
    parameters = parameters_of(scope)
    if scope["method"] == "POST" and "uploadId" in parameters:
        await _check_parts(aws, scope["path"], parameters["uploadId"][0], body)
    if scope["method"] in ("PUT", "POST"):
        _check_conditions(headers)
    for token in parameters.get("continuation-token", ()) if "list-type" in parameters else ():
        _check_token(token)


async def _check_owners(aws: LocalAws, scope: Json, headers: dict[str, str], account: str) -> None:
    source = source_of_copy(headers)
    for name, path in (
        ("x-amz-expected-bucket-owner", scope["path"]),
        ("x-amz-source-expected-bucket-owner", source[0] if source else ""),
    ):
        if headers.get(name, account) != account and await _bucket_exists(aws, _bucket_of(path)):
            raise AwsError("AccessDenied", "Access Denied", 403)


def _check_conditions(headers: dict[str, str]) -> None:
    if headers.get("if-none-match", "*") != "*":
        raise AwsError("NotImplemented", "A header you provided implies functionality that is not implemented", 501)
    if _COPY_SOURCE in headers and headers.keys() & {"if-match", "if-none-match"}:
        message = "local AWS refuses a copy with a condition on its destination: the condition would not be looked at"
        raise AwsError("NotImplementedByLocalAws", message, 501)


async def _check_parts(aws: LocalAws, path: str, upload_id: str, body: bytes) -> None:
    """Every part but the last must have 5 MiB."""
    answer = await aws.request("GET", quote(path), service="s3", query=f"uploadId={quote(upload_id)}")
    if answer.status != 200:
        return
    sizes = {
        part.findtext("{*}PartNumber"): int(part.findtext("{*}Size") or 0)
        for part in ElementTree.fromstring(answer.body).iter()
        if part.tag.endswith("}Part")
    }
    try:
        named = [one.text for one in ElementTree.fromstring(body).iter() if one.tag.rpartition("}")[2] == "PartNumber"]
    except ElementTree.ParseError:
        return
    if any(sizes.get(number, SMALLEST_PART) < SMALLEST_PART for number in named[:-1]):
        raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400)


def _check_token(token: str) -> None:
    try:
        base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect", 400) from None


async def check_missing(
    aws: LocalAws, identity: Identity | None, scope: Json, headers: dict[str, str], status: int, region: str
) -> None:
    """When a read's answer starts: that an object is missing only who may list its bucket is told. Raises AccessDenied."""
    source = source_of_copy(headers)
    path = source[0] if source else scope["path"]
    reads = source is not None or (scope["method"] in ("GET", "HEAD") and "uploadId" not in parameters_of(scope))
    if identity is None or status != 404 or not reads or "/" not in path.strip("/"):
        return
    bucket = _bucket_of(path)
    # Where a bucket is missing the answer is about the bucket.
    if all([await _bucket_exists(aws, one) for one in {bucket, _bucket_of(scope["path"])}]):
        enforce(aws, identity, Check("s3:ListBucket", (f"arn:aws:s3:::{bucket}",)), region)


def enforce(aws: LocalAws, identity: Identity, check: Check, region: str) -> None:
    """Take and record one check. Raises AccessDenied, S3's name for it."""
    try:
        aws.enforce(identity, check, region)
    except AwsError as error:
        raise AwsError("AccessDenied", error.message, 403) from None


def _bucket_of(path: str) -> str:
    return path.lstrip("/").split("/")[0]


async def _bucket_exists(aws: LocalAws, bucket: str) -> bool:
    return (await aws.request("HEAD", f"/{bucket}", service="s3")).status == 200


def refusing_send(check: Callable[[Json], Awaitable[None]], send: Any) -> Any:
    """A `send` that puts an error in an answer's place where `check` raises one when the answer starts."""
    refused = False

    async def check_then_send(message: Json) -> None:
        nonlocal refused
        if refused:
            return
        if message["type"] == "http.response.start":
            try:
                await check(message)
            except AwsError as error:
                refused = True
                answer = xml_error_answer(error, "s3")
                pairs = [(b"content-type", b"text/xml"), (b"content-length", str(len(answer.body)).encode())]
                await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
                await send({"type": "http.response.body", "body": answer.body})
                return
        await send(message)

    return check_then_send
