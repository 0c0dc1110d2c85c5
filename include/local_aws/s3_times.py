"""S3's stamps by the local clock: the base writes the machine's."""

from __future__ import annotations

import re
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from include.local_aws.calls import Json
from include.local_aws.clock import Clock, parse_instant

_STAMP = re.compile(rb"(<(?:LastModified|Initiated)>)([^<]+)(</)")


def restamping_send(clock: Clock, scope: Json, send: Any) -> Any:
    """A `send` that moves the stamps of listings and of `Last-Modified` to the local clock."""
    is_listing = scope["method"] == "GET" and "/" not in scope["path"].strip("/")
    kept = bytearray()

    async def restamp(message: Json) -> None:
        if message["type"] == "http.response.start":
            await send({**message, "headers": [_header(clock, *pair) for pair in message.get("headers", [])]})
        elif not is_listing:
            await send(message)
        else:
            kept.extend(message.get("body", b""))
            if not message.get("more_body", False):
                # A stamp is as long as the one that it replaces.
                await send({**message, "body": _STAMP.sub(lambda found: _restamped(clock, found), bytes(kept))})

    return restamp


def _header(clock: Clock, name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"last-modified":
        return name, value
    local = clock.local_time_of(parsedate_to_datetime(value.decode()))
    return name, format_datetime(local, usegmt=True).encode()


def _restamped(clock: Clock, found: re.Match[bytes]) -> bytes:
    local = clock.local_time_of(parse_instant(found[2].decode()))
    return found[1] + local.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode() + found[3]
