"""A validated declaration as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ON_ERROR_NULL = "null"


@dataclass(frozen=True)
class KeyAttribute:
    """A key attribute of a source: its name and DynamoDB type (``S`` or ``N``)."""

    name: str
    type: Literal["S", "N"]


@dataclass(frozen=True)
class Source:
    """A DynamoDB table that is read.

    ``day`` names the attribute whose UTC day places an item in the mirror (None: no day).
    """

    id: str
    table: str
    key: tuple[KeyAttribute, ...]
    day: str | None


@dataclass(frozen=True)
class Attribute:
    """Where a value stands in an item: ``list`` is None for an attribute of the item, else the list whose entries hold ``name``."""

    list: str | None
    name: str

    @property
    def path(self) -> str:
        return self.name if self.list is None else f"{self.list}[].{self.name}"


@dataclass(frozen=True)
class Column:
    """A column of the target.

    ``type``: ``string``, ``timestamp``, ``decimal(p,s)``, or ``int`` for the position. ``origin``: ``item`` (from
    the main source's item or list entry), ``position`` (index in the list, from 0) or ``lookup``. ``attribute`` is None
    for the position only. ``accept``: the DynamoDB tags taken.
    """

    name: str
    type: str
    origin: Literal["item", "position", "lookup"]
    attribute: Attribute | None
    accept: tuple[str, ...]
    required: bool
    on_error: Literal["quarantine", "null"]

    @cached_property
    def decimal(self) -> tuple[int, int] | None:
        """``(precision, scale)`` of a decimal column, else None."""
        if not self.type.startswith("decimal("):
            return None
        precision, scale = self.type[len("decimal(") : -1].split(",")
        return int(precision), int(scale)


@dataclass(frozen=True)
class Target:
    """The flattened table: one row per entry of ``list`` in an item of ``source``."""

    table: str
    source: str
    list: str
    partition: str
    row_key: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class LookupMatch:
    """One equality of the lookup's join: a target column and the attribute of the lookup source that it equals."""

    target: str
    lookup: Attribute


@dataclass(frozen=True)
class Lookup:
    """Where looked-up columns come from: entries of ``list`` in an item of ``source``, matched by ``on``."""

    source: str
    list: str
    on: tuple[LookupMatch, ...]

    @property
    def item_matches(self) -> tuple[LookupMatch, ...]:
        return tuple(match for match in self.on if match.lookup.list is None)


@dataclass(frozen=True)
class Schedule:
    """``cron``: of the scheduled run. ``reconcile``: cron of the reconciliation (None: on demand only)."""

    mode: Literal["hourly", "on_change", "both"]
    cron: str
    reconcile: str | None


@dataclass(frozen=True)
class Checks:
    """Checks to run (names of SQL files) and the share of quarantined items above which a run fails before publish."""

    run: tuple[str, ...]
    max_quarantined_share: float
    min_quarantined_items: int


@dataclass(frozen=True)
class Crawl:
    policy: Literal["daily", "every_run"]


@dataclass(frozen=True)
class Retention:
    time_travel_days: int
    erase_within_days: int


@dataclass(frozen=True)
class Inbox:
    """``max_run_mib``: how much of the inbox one event-driven run takes."""

    max_run_mib: int

    @property
    def max_run_bytes(self) -> int:
        return self.max_run_mib * 2**20


@dataclass(frozen=True)
class Pipeline:
    """One pipeline: a main source, at most one lookup source, and their target."""

    name: str
    title: str
    description: str
    owner: str
    schedule: Schedule
    sources: tuple[Source, ...]
    target: Target
    lookup: Lookup | None
    checks: Checks
    crawl: Crawl
    retention: Retention
    inbox: Inbox

    def source(self, source_id: str) -> Source:
        return next(source for source in self.sources if source.id == source_id)

    @property
    def main(self) -> Source:
        return self.source(self.target.source)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The target's columns that name the item, in the order of the source's key. Others may show a key attribute as
        something else, such as the partition's time.
        """
        declared = [column for column in self.target.columns if column.name in self.target.row_key]
        attributes = [Attribute(None, attribute.name) for attribute in self.main.key]
        return tuple(next(c for c in declared if c.attribute == attribute) for attribute in attributes)

    @property
    def lookup_source(self) -> Source | None:
        return self.source(self.lookup.source) if self.lookup else None
