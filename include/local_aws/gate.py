"""The gate before the base: who may pass, corrected where the base decides wrongly, and a record of every decision."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from include.local_aws import base
from include.local_aws.calls import Answer, AwsError, Identity, Json
from include.local_aws.iam_checks import RequestView, base_checks, own_checks, passed_roles

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


def read_headers(scope: Json) -> dict[str, str]:
    """A request's headers by lower-case name; what a presigned URL carries in its query counts as well."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = {name: values[0] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()}
    if "authorization" in headers or "X-Amz-Credential" not in query:
        return headers
    hoisted = {name.lower(): value for name, value in query.items() if name.lower().startswith("x-amz-")}
    hoisted.pop("x-amz-target", None)
    return {**hoisted, **headers, "authorization": f"AWS4-HMAC-SHA256 Credential={query['X-Amz-Credential']}"}


def signed_scope(headers: dict[str, str]) -> tuple[str, str, str]:
    """Access key, region and service that a request is signed for; empty where it is not signed by header."""
    found = _SCOPE.search(headers.get("authorization", ""))
    return (found[1], found[2], found[3]) if found else ("", "", "")


class Gate:
    """Decides Glue's and Logs' requests itself, records what the base decides for all others."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def caller(self, headers: dict[str, str]) -> Identity | None:
        """The role or user that a request claims to be; None for root, unsigned and unknown ones."""
        access_key = signed_scope(headers)[0]
        if not access_key or access_key == self._aws.settings.root_access_key:
            return None
        try:
            identity = base.identity_of(access_key, base.account_and_region_of(headers)[0])
        except AwsError:
            return None
        return None if identity.is_root else identity

    async def decide_and_pass(self, scope: Json, headers: dict[str, str], body: bytes) -> Answer | None:
        """Answer a request of a service that is decided here; None when it is not one. Raises AccessDenied as AwsError."""
        target = headers.get("x-amz-target", "")
        service, action = base.service_of(target), target.partition(".")[2]
        if service not in ("glue", "logs"):
            return None
        identity = base.authenticate(scope, headers, body, service)
        content: Json = json.loads(body or b"{}")
        region = base.region_of(headers)
        for check in own_checks(service, action, content, region, identity.account_id) or []:
            self._aws.enforce(identity, check, region)
        passed: dict[str, str] = {name: headers[name] for name in ("x-amz-target", "content-type") if name in headers}
        return await self._aws.request("POST", "/", service=service, headers=passed, body=body, region=region)

    def check_passed_roles(self, headers: dict[str, str], service: str, body: bytes) -> None:
        """Take the checks that a definition of a function, a rule or its targets needs. Raises AccessDenied as AwsError."""
        identity = self.caller(headers)
        if identity is not None:
            for check in passed_roles(service, json.loads(body or b"{}")):
                self._aws.enforce(identity, check, base.region_of(headers))

    def recording_send(self, scope: Json, headers: dict[str, str], chunks: list[bytes], send: Any) -> Any:
        """A `send` that records the base's decision on this request when its answer starts."""
        identity = self.caller(headers)
        if identity is None:
            return send

        async def record(message: Json) -> None:
            if message["type"] == "http.response.start":
                self._record(scope, headers, b"".join(chunks), identity, allowed=message["status"] != 403)
            await send(message)

        return record

    def _record(self, scope: Json, headers: dict[str, str], body: bytes, identity: Identity, *, allowed: bool) -> None:
        _, region, service = signed_scope(headers)
        query = scope.get("query_string", b"").decode("latin-1")
        account = identity.account_id
        view = RequestView(service, scope["method"], scope["path"], query, headers, body, region, account)
        now = self._aws.clock.now()
        for check in base_checks(view):
            self._aws.decisions.record(now, identity, check.action, check.either[0], allowed=allowed)
