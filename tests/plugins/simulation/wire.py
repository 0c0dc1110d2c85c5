"""The wire between tasks and AWS: every call is counted, and at one of them something happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal


class KilledError(BaseException):
    """The task's process was killed: nothing in it runs any more, no handler either."""


@dataclass(frozen=True)
class Strike:
    """What happens at call number ``at`` (from 0): ``what`` is called before AWS hears of it, or after it has done it."""

    at: int
    when: Literal["before", "after"]
    what: Callable[[], None]


@dataclass
class Wire:
    """Names of the calls so far, and the strike that waits for its call."""

    calls: list[str] = field(default_factory=list)
    strike: Strike | None = None
    lock: Lock = field(default_factory=Lock)

    def call(self, name: str, answer: Callable[[], Any]) -> Any:
        with self.lock:
            number = len(self.calls)
            self.calls.append(name)
        strike = self.strike if self.strike is not None and self.strike.at == number else None
        if strike is not None and strike.when == "before":
            strike.what()
        answered = answer()
        if strike is not None and strike.when == "after":
            strike.what()
        return answered


class WiredClient:
    """A client whose every call goes over the wire."""

    def __init__(self, client: Any, service: str, wire: Wire) -> None:
        self._client = client
        self._service = service
        self._wire = wire
        self.meta = client.meta if hasattr(client, "meta") else None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            return self._wire.call(f"{self._service}.{name}", lambda: method(**arguments))

        return call

    def get_paginator(self, operation: str) -> WiredPages:
        return WiredPages(self._client.get_paginator(operation), f"{self._service}.{operation}", self._wire)


@dataclass(frozen=True)
class WiredPages:
    """A paginator with one page, fetched over the wire."""

    pages: Any
    name: str
    wire: Wire

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        yield self.wire.call(self.name, lambda: next(self.pages.paginate(**arguments)))
