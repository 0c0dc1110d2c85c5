"""What the lake covers, and the plan: an unbroken chain of items beyond it.

Pure rules; whoever calls them keeps the result with a conditional put and, on losing it, reads again and decides anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from include.dynamo_lake.errors import GapError, PlanError
from include.dynamo_lake.windows import MIN_WINDOW, Window, compact_instant, format_instant, parse_instant, pieces

TOMBSTONES_KEPT = timedelta(days=36)
_FORGOTTEN = f"no window holds it (a bootstrap leaves none, and they are logged for {TOMBSTONES_KEPT.days} days): choose a range after it"


@dataclass(frozen=True)
class FullExport:
    """A planned full export: every source's state as of ``at``."""

    at: datetime

    @property
    def end(self) -> datetime:
        return self.at

    def __str__(self) -> str:
        return f"full export at {format_instant(self.at)}"


PlanItem = Window | FullExport


def item_start(item: PlanItem) -> datetime:
    """The earliest instant that point-in-time recovery must still reach to export the item."""
    return item.at if isinstance(item, FullExport) else item.start


def item_id(item: PlanItem) -> str:
    """The item's name in object keys: ``window-<start>-<end>`` or ``full-<at>``."""
    if isinstance(item, FullExport):
        return f"full-{compact_instant(item.at)}"
    return f"window-{compact_instant(item.start)}-{compact_instant(item.end)}"


def item_to_json(item: PlanItem) -> dict[str, str]:
    if isinstance(item, FullExport):
        return {"kind": "full", "at": format_instant(item.at)}
    return {"kind": "window", "start": format_instant(item.start), "end": format_instant(item.end)}


def item_from_json(value: Mapping[str, str]) -> PlanItem:
    if value["kind"] == "full":
        return FullExport(parse_instant(value["at"]))
    return Window(parse_instant(value["start"]), parse_instant(value["end"]))


@dataclass(frozen=True)
class Coverage:
    """``covered_through``: statements up to here are in the published table (None before the first bootstrap).

    ``since``: the instant of the first bootstrap. ``plan``: the chain beyond ``covered_through``. ``log``: covered windows, oldest first.
    """

    covered_through: datetime | None = None
    since: datetime | None = None
    plan: tuple[PlanItem, ...] = ()
    log: tuple[Window, ...] = ()

    @property
    def plan_end(self) -> datetime | None:
        """Where the next window starts."""
        return self.plan[-1].end if self.plan else self.covered_through

    def to_json(self) -> str:
        return json.dumps(
            {
                "version": 1,
                "covered_through": _format_optional(self.covered_through),
                "since": _format_optional(self.since),
                "plan": [item_to_json(item) for item in self.plan],
                "log": [{"start": format_instant(w.start), "end": format_instant(w.end)} for w in self.log],
            },
            indent=1,
        )

    @staticmethod
    def from_json(text: str | bytes) -> Coverage:
        value: dict[str, Any] = json.loads(text)
        if value.get("version") != 1:
            raise PlanError(
                f"coverage.json has version {value.get('version')!r}, this code reads 1: deploy the code that wrote it"
            )
        return Coverage(
            covered_through=_parse_optional(value["covered_through"]),
            since=_parse_optional(value["since"]),
            plan=tuple(item_from_json(item) for item in value["plan"]),
            log=tuple(Window(parse_instant(w["start"]), parse_instant(w["end"])) for w in value["log"]),
        )


@dataclass(frozen=True)
class Decision:
    """What a run works on: the coverage to keep first, the plan's items, logged windows to replay beside them, and what to tell people.

    ``compared``: a full export beside the plan, which covers nothing: the mirrors are compared with it.
    """

    coverage: Coverage
    items: tuple[PlanItem, ...]
    replayed: tuple[Window, ...] = ()
    notes: tuple[str, ...] = ()
    compared: FullExport | None = None


def plan_through(coverage: Coverage, until: datetime, *, bootstrap_dag: str) -> Decision:
    """A scheduled run, or one without a range: append windows up to ``until``, then work on the whole plan."""
    start = _require_bootstrap(coverage, bootstrap_dag)
    extended = replace(coverage, plan=(*coverage.plan, *pieces(start, until)))
    return Decision(extended, extended.plan)


def plan_range(coverage: Coverage, start: datetime, end: datetime, *, now: datetime, bootstrap_dag: str) -> Decision:
    """A manual or backfill run over ``[start, end)``: extend the plan to ``end``, and replay the logged windows that overlap the range.

    A tail under DynamoDB's 15 minutes is lengthened to 15 where that has passed; else a note says from when it can be taken.
    A part of the range that no window holds any more is told in a note, and the run works on the rest.
    """
    wanted = _read_range(start, end, now)
    plan_end = _require_bootstrap(coverage, bootstrap_dag)
    appended, notes = _pieces_with_tail(plan_end, wanted.end, now)
    extended = replace(coverage, plan=(*coverage.plan, *appended))
    replayed = tuple(window for window in coverage.log if window.overlaps(wanted))
    reached = max(plan_end, appended[-1].end) if appended else plan_end
    forgotten = tuple(
        f"{part} is not replayed: {_FORGOTTEN}, or run {bootstrap_dag} to read the tables whole"
        for part in _parts_without(wanted, (*replayed, *extended.plan), reached)
    )
    return Decision(extended, extended.plan, replayed, (*forgotten, *notes))


def plan_reconciliation(coverage: Coverage, until: datetime, *, bootstrap_dag: str) -> Decision:
    """A comparison: as a scheduled run, and the sources' state at the plan's end beside it.

    There the chain's windows meet, so the state contradicts none of them: whatever it shows otherwise, the mirrors have wrong.
    """
    decision = plan_through(coverage, until, bootstrap_dag=bootstrap_dag)
    at = decision.coverage.plan_end
    return replace(decision, compared=FullExport(at) if at is not None else None)


def plan_bootstrap(coverage: Coverage, *, now: datetime) -> Decision:
    """A bootstrap or repair: the plan becomes one full export at ``now`` (a whole second, never before the plan's end)."""
    plan_end = coverage.plan_end
    if plan_end is not None and now < plan_end:
        raise PlanError(
            f"The plan already reaches {format_instant(plan_end)}, AWS's present is {format_instant(now)}: run again after that instant"
        )
    replaced = replace(coverage, plan=(FullExport(now),))
    return Decision(replaced, replaced.plan)


def require_no_gap(
    coverage: Coverage,
    earliest_by_source: Mapping[str, datetime],
    has_export: Callable[[str, PlanItem], bool],
    *,
    bootstrap_dag: str,
) -> None:
    """Raise ``GapError`` where point-in-time recovery no longer reaches what is missing.

    ``coverage``: as it stood before this run's windows were appended.
    ``has_export(source, item)``: a started or finished export exists; a finished export outlives point-in-time recovery.
    """
    for source, earliest in earliest_by_source.items():
        for item in coverage.plan:
            if item_start(item) < earliest and not has_export(source, item):
                raise _gap(f"{item} of source {source} was never exported", source, earliest, bootstrap_dag)
        plan_end = coverage.plan_end
        if plan_end is not None and plan_end < earliest:
            raise _gap(f"the chain of windows ends at {format_instant(plan_end)}", source, earliest, bootstrap_dag)


def finish(coverage: Coverage, applied: Iterable[PlanItem], *, now: datetime) -> Coverage:
    """Take the longest prefix of the present plan that a run applied off the plan into the log; an empty prefix changes nothing."""
    done = set(applied)
    taken: list[PlanItem] = []
    for item in coverage.plan:
        if item not in done:
            break
        taken.append(item)
    if not taken:
        return coverage
    covered_through = taken[-1].end
    first_full = next((item.at for item in taken if isinstance(item, FullExport)), None)
    log = (*coverage.log, *(item for item in taken if isinstance(item, Window)))
    horizon = purge_horizon(now, covered_through)
    return Coverage(
        covered_through=covered_through,
        since=coverage.since or first_full,
        plan=coverage.plan[len(taken) :],
        log=tuple(window for window in log if window.end > horizon),
    )


def purge_horizon(now: datetime, covered_through: datetime) -> datetime:
    """Tombstones older than this are purged; it never passes ``covered_through``, so no waiting window is refused."""
    return min(now - TOMBSTONES_KEPT, covered_through)


def _require_bootstrap(coverage: Coverage, bootstrap_dag: str) -> datetime:
    if coverage.plan_end is None:
        raise PlanError(
            f"Nothing is covered yet: run {bootstrap_dag} once, it reads the tables whole; windows follow from there"
        )
    return coverage.plan_end


def _read_range(start: datetime, end: datetime, now: datetime) -> Window:
    if start >= end:
        raise PlanError(
            f"The range starts at {format_instant(start)}, not before its end {format_instant(end)}: give start before end"
        )
    if end > now:
        raise PlanError(
            f"The range ends in the future: {format_instant(end)} is after AWS's present {format_instant(now)}; end it there or before"
        )
    return Window(start, end)


def _pieces_with_tail(plan_end: datetime, end: datetime, now: datetime) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    windows = tuple(pieces(plan_end, end))
    reached = windows[-1].end if windows else plan_end
    if reached >= end:
        return windows, ()
    tail = Window(reached, reached + MIN_WINDOW)
    if tail.end <= now:
        return (*windows, tail), ()
    return windows, (
        f"[{format_instant(reached)}, {format_instant(end)}) is shorter than DynamoDB exports: take it from {format_instant(tail.end)} on",
    )


def _parts_without(wanted: Window, items: Iterable[PlanItem], until: datetime) -> list[Window]:
    """The parts of a range, up to ``until``, that none of the items holds; a full export holds all before it."""
    parts: list[Window] = []
    at, end = wanted.start, min(wanted.end, until)
    for item in items:
        begins = item.start if isinstance(item, Window) else at
        if at < begins and at < end:
            parts.append(Window(at, min(begins, end)))
        at = max(at, item.end)
    return [*parts, Window(at, end)] if at < end else parts


def _gap(what: str, source: str, earliest: datetime, bootstrap_dag: str) -> GapError:
    return GapError(
        f"Gap: {what}, and point-in-time recovery of source {source} reaches back only to {format_instant(earliest)}. "
        f"Run {bootstrap_dag}: a new full export repairs the tables, removes what is gone and undoes nothing newer"
    )


def _format_optional(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _parse_optional(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
