"""The ASGI application: our handlers first, everything else goes on to the base through the gate."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from email.utils import format_datetime
from types import ModuleType
from typing import Any

from include.local_aws import base, local_api, refusals, s3_keys, s3_requests, s3_times
from include.local_aws.calls import Answer, AwsError, Call, Handler, Identity
from include.local_aws.core import LocalAws
from include.local_aws.gate import Gate, read_headers, signed_scope
from include.local_aws.stacks import Stacks
from include.local_aws.stream_mapping import requests as mapping_requests
from include.local_aws.strikes import LostRequestError, end_without_answer, struck_send

log = logging.getLogger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def collect_handlers(modules: Iterable[ModuleType]) -> dict[str, Handler]:
    """One handler per `X-Amz-Target`. Raises ValueError when two modules claim one."""
    handlers: dict[str, Handler] = {}
    for module in modules:
        twice = handlers.keys() & module.HANDLERS.keys()
        if twice:
            raise ValueError(f"{module.__name__} answers {sorted(twice)}, which another module answers already")
        handlers |= module.HANDLERS
    return handlers


class LocalAwsApp:
    """Dispatch by `X-Amz-Target`; stamp every answer with the local clock."""

    def __init__(self, aws: LocalAws, handlers: dict[str, Handler]) -> None:
        self.aws = aws
        aws.handlers = handlers
        self.gate = Gate(aws)
        self.stacks = Stacks(aws)
        self._ready = asyncio.Event()

    async def wait_until_ready(self) -> None:
        """Return once the base has started and requests are served."""
        await self._ready.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.aws.base_app(scope, receive, self._with_ready_event(send))
        elif scope["type"] == "http":
            await self._serve(scope, receive, self._with_local_date(send))
        else:
            raise ValueError(f"local AWS serves HTTP, not {scope['type']}")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        target = headers.get("x-amz-target", "")
        try:
            if scope["path"].startswith("/_local/"):
                await _send_answer(send, await local_api.answer(self.aws, scope, await _read_body(receive)))
            elif target:
                await self._serve_json(scope, headers, target, await _read_body(receive), send)
            else:
                await self._pass_on(scope, headers, receive, send)
        except AwsError as error:
            service = signed_scope(headers)[2]
            xml = not target and service != "lambda"
            await _send_answer(send, base.xml_error_answer(error, service) if xml else base.error_answer(error, target))
        except LostRequestError:
            await end_without_answer(send)

    async def _serve_json(self, scope: Scope, headers: dict[str, str], target: str, body: bytes, send: Send) -> None:
        send = struck_send(self.aws, self.aws.faults.take(target, body.decode("utf-8", "replace")), send)
        handler = self.aws.handlers.get(target)
        if handler is not None:
            await _send_answer(send, await self._handle(handler, scope, headers, target, body))
            return
        refusals.check_target(target, body)
        if self.gate.caller(headers) is not None:
            answer = await self.gate.decide_and_pass(scope, headers, body)
            if answer is not None:
                await _send_answer(send, answer)
                return
            if target.startswith("AWSEvents."):
                self.gate.check_passed_roles(headers, "events", body)
        await self._to_base(scope, headers, _replay(body), send)

    async def _pass_on(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        service = signed_scope(headers)[2]
        send = struck_send(self.aws, self.aws.faults.take(f"{service}.{scope['method']}", scope["path"]), send)
        if service == "s3":
            await self._serve_s3(scope, headers, receive, send)
            return
        refusals.check_service(service)
        refusals.check_signature(headers, scope.get("query_string", b"").decode("latin-1"))
        body = await _read_body(receive)
        if service in ("iam", "sts"):
            refusals.check_iam(body)
        elif service == "cloudformation":
            send = await self._watch_stacks(headers, body, send)
        elif service == "lambda" and mapping_requests.concerns(scope["path"]):
            mapping_requests.check(self.aws, scope["method"], body, *base.account_and_region_of(headers))
            send = mapping_requests.reshaping_send(send, self.aws.clock, scope["method"], body)
        elif service == "lambda" and _defines_function(scope):
            self.gate.check_passed_roles(headers, "lambda", body)
        await self._to_base(scope, headers, _replay(body), send)

    async def _serve_s3(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        """An object's bytes stream; what is small is read first, so that it can be judged."""
        streamed = s3_requests.carries_object(scope)
        body = b"" if streamed else await _read_body(receive)
        identity, region = self.gate.caller(headers), base.region_of(headers)
        try:
            await self._check_s3(scope, headers, body, identity)
        except AwsError:
            if streamed:
                await _read_body(receive)  # a connection takes no further request until this one has been read
            raise

        async def check(answered: dict[str, Any]) -> None:
            await s3_keys.check_read(self.aws, identity, scope["method"], answered, region)
            await s3_requests.check_missing(self.aws, identity, scope, headers, answered["status"], region)

        send = s3_requests.refusing_send(check, s3_times.restamping_send(self.aws.clock, scope, send))
        await self._to_base(scope, headers, receive if streamed else _replay(body), send)

    async def _check_s3(self, scope: Scope, headers: dict[str, str], body: bytes, identity: Identity | None) -> None:
        refusals.check_s3(scope["method"], scope.get("query_string", b"").decode("latin-1"), body)
        account, region = base.account_and_region_of(headers)
        await s3_requests.check_request(self.aws, scope, headers, body, account)
        if s3_keys.starts_write(scope):
            await s3_keys.check_write(self.aws, identity, scope["path"], headers.get(s3_keys.KEY_HEADER), region)
            await s3_keys.check_copy(self.aws, identity, headers, region)

    async def _watch_stacks(self, headers: dict[str, str], body: bytes, send: Send) -> Send:
        if self.gate.caller(headers) is not None:
            refusals.check_stack_of_role(body)
        action = await self.stacks.before(body, *base.account_and_region_of(headers))

        async def watch(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self.stacks.after(action, body, *base.account_and_region_of(headers))
            await send(message)

        return watch

    async def _to_base(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        chunks: list[bytes] = []

        async def keep_small_bodies() -> dict[str, Any]:
            message = await receive()
            if scope["method"] == "POST":
                chunks.append(message.get("body", b""))
            return message

        await self.aws.base_app(scope, keep_small_bodies, self.gate.recording_send(scope, headers, chunks, send))

    async def _handle(
        self, handler: Handler, scope: Scope, headers: dict[str, str], target: str, body: bytes
    ) -> Answer:
        call = self._call(scope, headers, target, body)
        try:
            content = await handler(call, self.aws)
        except AwsError:
            raise
        except Exception as error:
            log.exception("%s failed", target)
            raise AwsError("InternalServerError", f"{target}: {error!r}", 500) from error
        return base.json_answer(content, target)

    def _call(self, scope: Scope, headers: dict[str, str], target: str, body: bytes) -> Call:
        service = base.service_of(target)
        identity = base.authenticate(scope, headers, body, service)
        try:
            content = json.loads(body or b"{}")
        except ValueError:
            raise AwsError("SerializationException", "the request's body is not JSON") from None
        action = target.partition(".")[2]
        region = base.region_of(headers)
        return Call(service, action, target, content, headers, region, identity.account_id, identity)

    def _with_ready_event(self, send: Send) -> Send:
        async def watch(message: dict[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self.aws.background(self.aws.stream_mappings.run())
                self.aws.background(self.aws.time_to_live.run(self.aws))
                self.aws.background(self.aws.lifecycles.run())
                self._ready.set()

        return watch

    def _with_local_date(self, send: Send) -> Send:
        async def stamp(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() != b"date"]
                date = format_datetime(self.aws.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*kept, (b"date", date)]}
            await send(message)

        return stamp


def _defines_function(scope: Scope) -> bool:
    path = scope["path"].rstrip("/")
    return scope["method"] in ("POST", "PUT") and path.endswith(("/functions", "/configuration"))


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the client went away before its request was complete")
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    return receive


async def _send_answer(send: Send, answer: Answer) -> None:
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    headers["content-length"] = str(len(answer.body))
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})
