"""The one door to the base (ministack): pinned, wrapped, never patched.

Import only after `server.prepare_environment`: the base reads its settings when it is imported.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from ministack import app as base_module
from ministack.core import iam_evaluator, responses, router
from ministack.core.iam_actions import identity_denial_message

from include.local_aws.calls import Answer, AwsError, Identity, Json

PINNED = "1.5.33"
base_app = base_module.app

_SERVICES = {
    "DynamoDB_20120810": ("dynamodb", "1.0"),
    "DynamoDBStreams_20120810": ("dynamodb", "1.0"),
    "AWSGlue": ("glue", "1.1"),
    "AmazonAthena": ("athena", "1.1"),
    "AmazonSQS": ("sqs", "1.0"),
    "Logs_20140328": ("logs", "1.1"),
    "TrentService": ("kms", "1.1"),
    "AmazonSSM": ("ssm", "1.1"),
}


def assert_pinned() -> None:
    """Refuse any other version of the base: its gaps, which our parts fill, were measured on this one."""
    found = version("ministack")
    if found != PINNED:
        raise SystemExit(f"local AWS needs ministack {PINNED}, found {found}: make its environment anew (`make setup`)")


def service_of(target: str) -> str:
    """The IAM prefix of an `X-Amz-Target`, or '' for one that is not known here."""
    return _SERVICES.get(target.partition(".")[0], ("", ""))[0]


def json_version(target: str) -> str:
    return _SERVICES.get(target.partition(".")[0], ("", "1.1"))[1]


@dataclass(frozen=True)
class Request:
    """One request to the base, as `identity` and in `region`."""

    method: str
    path: str
    service: str
    query: str
    headers: dict[str, str]
    body: bytes
    identity: Identity
    region: str


async def send(app: Any, request: Request) -> Answer:
    """Drive one request through `app` (the base, or a wrap of it), signed for its identity."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in _signed_headers(request).items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    sent = False
    started: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def collect(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await app(scope, receive, collect)
    names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in started["headers"]}
    return Answer(started["status"], names, b"".join(chunks))


def _signed_headers(request: Request) -> dict[str, str]:
    identity = request.identity
    plain = {"host": "127.0.0.1", "content-length": str(len(request.body)), **request.headers}
    if identity.is_root:  # the base does not verify root's signature: spare the work
        day = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
        scope = f"{identity.access_key_id}/{day}/{request.region}/{request.service}/aws4_request"
        return {**plain, "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    found = iam_evaluator.resolve_credential(identity.access_key_id, identity.account_id)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise AwsError(found.code, found.message, 403)
    url = f"http://127.0.0.1{request.path}" + (f"?{request.query}" if request.query else "")
    signed = AWSRequest(method=request.method, url=url, data=request.body, headers=plain)
    credentials = Credentials(found.access_key_id, found.secret_access_key, found.session_token)
    signer = S3SigV4Auth if request.service == "s3" else SigV4Auth
    signer(credentials, request.service, request.region).add_auth(signed)
    return dict(signed.headers.items())


def error_of(answer: Answer, content: Json) -> AwsError:
    """The typed error of a JSON-protocol answer."""
    code = str(content.get("__type") or answer.headers.get("x-amzn-errortype", "UnknownError"))
    message = str(content.get("message") or content.get("Message") or "")
    return AwsError(code.rpartition("#")[2].split(":")[0], message, answer.status)


def authenticate(scope: dict[str, Any], headers: dict[str, str], body: bytes, service: str) -> Identity:
    """Verify the signature of a request that we answer ourselves, and scope the context to its account and region.

    Raises AwsError with the code AWS uses for unknown keys, expired tokens and bad signatures.
    """
    access_key = router.extract_access_key_id(headers, {})
    try:
        responses.set_request_account_id(iam_evaluator.find_iam_access_key_account(access_key) or access_key)
    except iam_evaluator.AmbiguousAccessKeyError:
        raise AwsError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        ) from None
    responses.set_request_region(router.extract_region(headers, {}))
    raw_path = scope.get("raw_path") or scope["path"].encode()
    iam_evaluator.pin_signed_request(scope["method"], raw_path.decode("latin-1"), {}, scope["headers"])
    iam_evaluator.pin_signed_body(body)
    if not access_key:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    failure = iam_evaluator.check_credentials(access_key, service)
    if failure is not None:
        raise AwsError(failure.code, failure.message, 400)
    return identity_of(access_key)


def identity_of(access_key: str, account_id: str | None = None) -> Identity:
    """The principal behind an access key. Raises AwsError where there is none."""
    found = iam_evaluator.resolve_credential(access_key, account_id or responses.get_account_id())
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise AwsError(found.code, found.message, 400)
    return Identity(access_key, found.principal_arn, found.account_id)


def account_and_region_of(headers: dict[str, str]) -> tuple[str, str]:
    """Account and region that a request acts in."""
    access_key = router.extract_access_key_id(headers, {})
    account = iam_evaluator.find_iam_access_key_account(access_key) or access_key
    with responses.request_scope(responses.get_account_id(), responses.get_region()):
        responses.set_request_account_id(account)
        return str(responses.get_account_id()), region_of(headers)


def region_of(headers: dict[str, str]) -> str:
    return str(router.extract_region(headers, {}))


def decide(
    identity: Identity, iam_action: str, resource_arn: str, region: str, context: dict[str, Any] | None
) -> str | None:
    """Evaluate policies for an identity that is already authenticated: None lets it through, else AWS's message."""
    with responses.request_scope(identity.account_id, region):
        iam_evaluator.pin_request_origin("127.0.0.1", True)  # local AWS stands for endpoints behind TLS
        denied = iam_evaluator.enforce(
            identity.access_key_id, iam_action, iam_action.partition(":")[0], region, resource_arn, context
        )
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    return str(identity_denial_message(iam_action, identity.principal_arn, resource_arn, denied.decision == "Deny"))


def error_answer(error: AwsError, target: str) -> Answer:
    """The JSON-protocol wire form of an error."""
    content = {"__type": error.code, "message": error.message, "Message": error.message, **error.fields}
    headers = {
        "content-type": f"application/x-amz-json-{json_version(target)}",
        "x-amzn-requestid": str(uuid.uuid4()),
        "x-amzn-errortype": error.code,
    }
    return Answer(error.status, headers, json.dumps(content).encode())


def xml_error_answer(error: AwsError, service: str) -> Answer:
    """The wire form of an error of the XML protocols: bare for S3, in an envelope for the query services."""
    code, message, request_id = escape(error.code), escape(error.message), uuid.uuid4()
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    if service == "s3":
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    return Answer(error.status, {"content-type": "text/xml"}, text.encode())


def json_answer(content: Json, target: str) -> Answer:
    """The JSON-protocol wire form of a success; instants are epoch seconds already."""
    headers = {
        "content-type": f"application/x-amz-json-{json_version(target)}",
        "x-amzn-requestid": str(uuid.uuid4()),
    }
    return Answer(200, headers, json.dumps(content).encode())
