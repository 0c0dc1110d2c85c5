"""A simulated AWS that the real tasks reach, with items that change by the hour."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from lake_airflow import aws, pipelines
from lake_airflow.pipelines import read_lake

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import APPLIED_PREFIX, COVERAGE_KEY, INBOX_PREFIX
from tests.histories.images import LOOKUP_KEYS, MAIN_KEYS
from tests.plugins.simulation.wire import Wire, WiredClient
from tests.plugins.simulation.world import World

HOUR = timedelta(hours=1)


@dataclass
class Lakeside:
    """A world and the wire to it."""

    world: World
    wire: Wire

    @property
    def coverage(self) -> Coverage:
        stored = self.world.s3.objects.get(COVERAGE_KEY)
        return Coverage.from_json(stored) if stored else Coverage()

    def change(self) -> None:
        """An hour in which an item comes, one goes, one shrinks, and a deadline moves; the stream tells of two of them."""
        world = self.world
        world.advance(HOUR)
        hour = f"hour {world.now.hour}"
        heard = world.write(MAIN_KEYS[0], item(hour))
        world.write(MAIN_KEYS[1], None if world.now.hour % 2 else item("t1", day="2026-01-02"))
        world.write(LOOKUP_KEYS[0], deadline(f"2026-05-{world.now.hour + 1:02}"), source="campaign_info")
        late = world.write(MAIN_KEYS[2], item("t1", "t2", hour))
        for write in (heard, late):
            assert write is not None
            world.capture(write)

    def require_sound(self) -> None:
        """All changes are there once, nothing was paid twice, and readers have only gone forwards over verified snapshots."""
        world, coverage = self.world, self.coverage
        assert coverage.plan == ()
        assert coverage.covered_through is not None
        assert coverage.covered_through > last_write(world)
        assert world.shown() == world.truth()
        assert world.violations == []
        keys = world.s3.objects
        assert not [key for key in keys if key.startswith(INBOX_PREFIX)]
        assert {key for key in world.files if key.startswith(INBOX_PREFIX)} == {
            key.replace(APPLIED_PREFIX, INBOX_PREFIX) for key in keys if key.startswith(APPLIED_PREFIX)
        }


@contextmanager
def lakeside(pipeline: str) -> Iterator[Lakeside]:
    """An empty AWS; as long as the block lasts, every client of every task is one of its."""
    with _without_logging(), pytest.MonkeyPatch.context() as patch:
        # Every task reads the declaration anew; here it is the same file all the time.
        patch.setattr(pipelines, "read_declaration", cache(read_declaration))
        world, wire = World(read_lake(pipeline)), Wire()
        for service in ("s3", "glue", "dynamodb", "athena", "sqs", "logs"):
            patch.setattr(aws.Clients, service, WiredClient(getattr(world, service), service, wire))
        yield Lakeside(world, wire)


@contextmanager
def _without_logging() -> Iterator[None]:
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)


def last_write(world: World) -> datetime:
    return world.tables.writes[-1].at


def item(*tasks: str, day: str = "2026-01-01") -> dict[str, Any]:
    """A main item with one list entry a task."""
    entries = [{"M": {"taskID": {"S": task}}} for task in tasks]
    return {"createdAt": {"S": day}, "progressDetails": {"L": entries}}


def deadline(day: str) -> dict[str, Any]:
    """A lookup item with a deadline for task t1."""
    task = {"taskID": {"S": "t1"}, "taskDeadline": {"S": day}}
    return {"createdAt": {"S": "2026-01-01"}, "campaignTasks": {"L": [{"M": task}]}}
