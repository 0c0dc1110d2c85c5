"""Lifecycle rules at work: at every midnight of the local clock, also those that a test jumps over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from include.local_aws import lifecycle_rules
from include.local_aws.clock import parse_instant
from include.local_aws.lifecycle_rules import Rule, Version

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

_LOOK_EVERY_S = 30


class Lifecycles:
    """What the base stores and never applies."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._swept = aws.clock.now().date()
        self._advancing = asyncio.Lock()

    async def run(self) -> None:
        """Sweep after each midnight that the clock comes to by itself."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._aws.clock.now().date() > self._swept:
                await self.sweep()

    async def advance(self, seconds: float) -> None:
        """Move the clock forward, with a sweep at every midnight on the way; of several callers one after the other."""
        clock = self._aws.clock
        async with self._advancing:
            end = clock.now() + timedelta(seconds=seconds)
            if seconds >= 0:
                for midnight in _midnights(clock.now(), end):
                    clock.advance(max((midnight - clock.now()).total_seconds(), 0))
                    await self.sweep()
            clock.advance(max((end - clock.now()).total_seconds(), 0) if seconds >= 0 else seconds)

    async def sweep(self) -> None:
        """Apply every bucket's rules once."""
        self._swept = self._aws.clock.now().date()
        listed = await self._aws.request("GET", "/", service="s3")
        for bucket in ElementTree.fromstring(listed.body).findall(".//{*}Bucket/{*}Name"):
            path = f"/{bucket.text}"
            answer = await self._aws.request("GET", path, service="s3", query="lifecycle=")
            if answer.status == 200:
                rules = lifecycle_rules.parse_rules(answer.body)
                await self._expire(path, rules)
                await self._abort_uploads(path, rules)

    async def _expire(self, path: str, rules: list[Rule]) -> None:
        versions = [version async for version in self._versions(path)]
        for version in lifecycle_rules.expired_versions(rules, versions, self._aws.clock.now()):
            leaves_marker = version.is_latest and not version.is_marker
            query = "" if leaves_marker else urlencode({"versionId": version.version_id})
            await self._aws.request("DELETE", f"{path}/{quote(version.key)}", service="s3", query=query)

    async def _abort_uploads(self, path: str, rules: list[Rule]) -> None:
        listed = await self._aws.request("GET", path, service="s3", query="uploads=")
        for upload in ElementTree.fromstring(listed.body).findall("{*}Upload"):
            key, started = upload.findtext("{*}Key", ""), self._local(upload.findtext("{*}Initiated", ""))
            own = [rule for rule in rules if key.startswith(rule.prefix)]
            if any(lifecycle_rules.is_past(started, rule.upload_days, self._aws.clock.now()) for rule in own):
                query = urlencode({"uploadId": upload.findtext("{*}UploadId", "")})
                await self._aws.request("DELETE", f"{path}/{quote(key)}", service="s3", query=query)

    async def _versions(self, path: str) -> AsyncIterator[Version]:
        markers: dict[str, str] = {}
        while True:
            query = urlencode({"versions": "", **markers})
            listed = await self._aws.request("GET", path, service="s3", query=query)
            root = ElementTree.fromstring(listed.body)
            for version in self._parsed(root):
                yield version
            if root.findtext("{*}IsTruncated") != "true":
                return
            markers = {
                "key-marker": root.findtext("{*}NextKeyMarker", ""),
                "version-id-marker": root.findtext("{*}NextVersionIdMarker", ""),
            }

    def _parsed(self, root: ElementTree.Element) -> Iterator[Version]:
        for element in root:
            kind = element.tag.rpartition("}")[2]
            if kind in {"Version", "DeleteMarker"}:
                yield Version(
                    key=element.findtext("{*}Key", ""),
                    version_id=element.findtext("{*}VersionId", ""),
                    written_at=self._local(element.findtext("{*}LastModified", "")),
                    is_latest=element.findtext("{*}IsLatest") == "true",
                    is_marker=kind == "DeleteMarker",
                )

    def _local(self, machine_time: str) -> datetime:
        return self._aws.clock.local_time_of(parse_instant(machine_time))


def _midnights(start: datetime, end: datetime) -> Iterator[datetime]:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while (midnight := midnight + timedelta(days=1)) <= end:
        yield midnight
