"""What is known of each crawler's crawls; its definition stays with the base."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from include.local_aws.calls import Json
from include.local_aws.core import LocalAws

_LOG_GROUP = "/aws-glue/crawlers"


@dataclass
class Crawl:
    """One crawl. `tables` counts what it did to the catalog: created, updated."""

    crawler: str
    started_at: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    error: str = ""
    ended_at: datetime | None = None
    created: int = 0
    updated: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def end(self, status: str, now: datetime, error: str = "") -> None:
        """Reach a final status, once."""
        if self.ended_at is None:
            self.status, self.ended_at, self.error = status, now, error

    def seconds(self, now: datetime) -> float:
        return ((self.ended_at or now) - self.started_at).total_seconds()

    def as_last_crawl(self) -> Json:
        """The crawl as LastCrawlInfo."""
        described: Json = {
            "Status": self.status, "LogGroup": _LOG_GROUP, "LogStream": self.crawler, "MessagePrefix": self.id,
            "StartTime": self.started_at.timestamp(),
        }  # fmt: skip
        return described | ({"ErrorMessage": self.error} if self.error else {})

    def as_history(self) -> Json:
        """The crawl as CrawlerHistory."""
        states = {"SUCCEEDED": "COMPLETED", "FAILED": "FAILED", "CANCELLED": "STOPPED", "RUNNING": "RUNNING"}
        described: Json = {
            "CrawlId": self.id, "State": states[self.status], "StartTime": self.started_at.timestamp(), "LogGroup": _LOG_GROUP,
            "LogStream": self.crawler, "MessagePrefix": self.id, "DPUHour": 0.0, "Summary": "{}",
        }  # fmt: skip
        if self.ended_at is not None:
            described["EndTime"] = self.ended_at.timestamp()
        return described | ({"ErrorMessage": self.error} if self.error else {})


class Crawls:
    """All crawls of one local AWS, oldest first."""

    def __init__(self) -> None:
        self._by_crawler: dict[str, list[Crawl]] = {}

    def add(self, crawl: Crawl) -> None:
        self._by_crawler.setdefault(crawl.crawler, []).append(crawl)

    def of_crawler(self, name: str) -> list[Crawl]:
        return self._by_crawler.get(name, [])

    def running(self, name: str) -> Crawl | None:
        """The crawl whose crawler is not READY again."""
        return next((one for one in self.of_crawler(name) if one.task is not None and not one.task.done()), None)

    def last_ended(self, name: str) -> Crawl | None:
        return next((one for one in reversed(self.of_crawler(name)) if one.ended_at is not None), None)

    def forget(self, name: str) -> None:
        self._by_crawler.pop(name, None)

    def forget_all_but(self, names: Collection[str]) -> None:
        """Crawls of crawlers that are gone: another crawler of the name starts anew."""
        for name in self._by_crawler.keys() - set(names):
            self.forget(name)


_CRAWLS: WeakKeyDictionary[LocalAws, Crawls] = WeakKeyDictionary()


def crawls_of(aws: LocalAws) -> Crawls:
    """The store that belongs to this local AWS."""
    return _CRAWLS.setdefault(aws, Crawls())
