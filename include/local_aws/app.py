"""The ASGI application: our handlers first, everything else goes on to the base."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from email.utils import format_datetime
from types import ModuleType
from typing import Any

from include.local_aws import base, local_api
from include.local_aws.calls import Answer, AwsError, Call, Handler
from include.local_aws.core import LocalAws

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
        self.handlers = handlers
        self._ready = asyncio.Event()

    async def wait_until_ready(self) -> None:
        """Return once the base has started and requests are served."""
        await self._ready.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            send = self._with_ready_event(send)
        if scope["type"] != "http":
            await self.aws.base_app(scope, receive, send)
            return
        send = self._with_local_date(send)
        if scope["path"].startswith("/_local/"):
            await _send_answer(send, await local_api.answer(self.aws, scope, await _read_body(receive)))
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        handler = self.handlers.get(headers.get("x-amz-target", ""))
        if handler is None:
            await self.aws.base_app(scope, receive, send)
            return
        await _send_answer(send, await self._handle(handler, scope, headers, await _read_body(receive)))

    async def _handle(self, handler: Handler, scope: Scope, headers: dict[str, str], body: bytes) -> Answer:
        target = headers["x-amz-target"]
        try:
            content = await handler(self._call(scope, headers, body, target), self.aws)
        except AwsError as error:
            return base.error_answer(error, target)
        except Exception as error:
            log.exception("%s failed", target)
            return base.error_answer(AwsError("InternalServerError", f"{target}: {error!r}", 500), target)
        return base.json_answer(content, target)

    def _call(self, scope: Scope, headers: dict[str, str], body: bytes, target: str) -> Call:
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


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the client went away before its request was complete")
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send_answer(send: Send, answer: Answer) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})
