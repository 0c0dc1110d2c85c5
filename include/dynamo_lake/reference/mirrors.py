"""Statements into one mirror: floor, newest per key, strictly greater wins, sweep of a full export, purge of old
tombstones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from include.dynamo_lake.coverage import purge_horizon
from include.dynamo_lake.declaration.model import Pipeline, Source
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.reference.lake import Batch, Mirror, MirrorRow
from include.dynamo_lake.reports import StatementCounts
from include.dynamo_lake.statements import Statement
from include.dynamo_lake.typing_rules import Rejection, placement_day, type_source_item
from include.dynamo_lake.versions import export_version

Rows = dict[str, MirrorRow]


@dataclass(frozen=True)
class MirrorMerge:
    """The mirror after a batch (the same object where nothing changed), and what became of the source's statements."""

    mirror: Mirror
    counts: StatementCounts


def merge_mirror(
    pipeline: Pipeline, source: Source, mirror: Mirror, batch: Batch, *, run: int, derived_through: int, rebuilds: bool
) -> MirrorMerge:
    """Apply a batch to one mirror as merge number ``run``; tombstones that no run has derived yet are not purged.

    What the target is not derived from yet is placed as the declaration says now. A merge that ``rebuilds`` places every
    present row anew, and marks the mirror even where no row moves.
    """
    statements = [statement for statement in batch.statements if statement.source == source.id]
    swept_at = batch.full_export_at
    if swept_at is not None and mirror.floor is not None and swept_at < mirror.floor:
        swept_at = None
    floor = _latest(mirror.floor, swept_at)
    newest = _newest_by_key(statement for statement in statements if floor is None or statement.version.at >= floor)
    applied = [
        one for one in newest.values() if one.key not in mirror.rows or one.version > mirror.rows[one.key].version
    ]
    rows = dict(mirror.rows)
    for statement in applied:
        rows[statement.key] = _mirror_row(pipeline, source, statement, rows.get(statement.key), run)
    if swept_at is not None:
        rows.update(_swept(rows, swept_at, run))
    floor = _purge(rows, floor, batch, derived_through)
    rows = _placed_anew(pipeline, source, rows, 0 if rebuilds else derived_through)
    is_changed = rebuilds or floor != mirror.floor or rows != mirror.rows
    merged = Mirror(rows, run, floor, run if rebuilds else 0) if is_changed else mirror
    return MirrorMerge(merged, _count(pipeline, source, statements, applied))


def _placed_anew(pipeline: Pipeline, source: Source, rows: Rows, derived_through: int) -> Rows:
    """Present rows of later runs where the declaration as it is now places them; the rows' own ``run`` stays."""
    placed = {
        key: replace(row, day=placement_day(pipeline, source, parse_json(row.image)))
        for key, row in rows.items()
        if row.image is not None and row.run > derived_through
    }
    return {**rows, **placed}


def _newest_by_key(statements: Iterable[Statement]) -> dict[str, Statement]:
    newest: dict[str, Statement] = {}
    for statement in statements:
        known = newest.get(statement.key)
        if known is None or statement.version > known.version:
            newest[statement.key] = statement
    return newest


def _mirror_row(
    pipeline: Pipeline, source: Source, statement: Statement, known: MirrorRow | None, run: int
) -> MirrorRow:
    if statement.image is None:
        return MirrorRow(None, statement.version, known.day if known else None, run)
    return MirrorRow(
        statement.image, statement.version, placement_day(pipeline, source, parse_json(statement.image)), run
    )


def _swept(rows: Rows, at: datetime, run: int) -> Rows:
    """Tombstones for what a full export did not name: every row that it names is as of ``at`` or later by now."""
    version = export_version(at)
    return {
        key: MirrorRow(None, version, row.day, run)
        for key, row in rows.items()
        if row.image is not None and row.version < version
    }


def _purge(rows: Rows, floor: datetime | None, batch: Batch, derived_through: int) -> datetime | None:
    """Drop derived tombstones below the purge horizon; the floor rises to it, so nothing older can bring them back."""
    if batch.covered_through is None:
        return floor
    horizon = purge_horizon(batch.now, batch.covered_through)
    old = [
        key
        for key, row in rows.items()
        if row.image is None and row.version.at < horizon and row.run <= derived_through
    ]
    for key in old:
        del rows[key]
    return _latest(floor, horizon) if old else floor


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _count(
    pipeline: Pipeline, source: Source, statements: list[Statement], applied: list[Statement]
) -> StatementCounts:
    images = (parse_json(statement.image) for statement in applied if statement.image is not None)
    quarantined = sum(isinstance(type_source_item(pipeline, source.id, image), Rejection) for image in images)
    stale = len(statements) - len(applied)
    return StatementCounts(len(statements), len(applied) - quarantined, stale, quarantined, files=0, bytes=0)
