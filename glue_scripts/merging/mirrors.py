"""Statements into the mirrors: read, check, reduce, compare, commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.commits.rows import commit_mirror
from glue_scripts.commits.tables import Marks, format_floor
from glue_scripts.merging.context import Merge
from glue_scripts.storage.change_files import FileSize, require_read_whole
from glue_scripts.storage.objects import ObjectStore
from glue_scripts.transforms.changes import (
    PLACED,
    PURGED,
    STATED,
    judge_statements,
    placed_changes,
    purged_rows,
    swept_changes,
    with_day,
)
from glue_scripts.transforms.statements import (
    VERSION,
    LineFormat,
    build_statements,
    count_by_file,
    read_lines,
    reduce_statements,
)
from include.dynamo_lake.coverage import FullExport, purge_horizon
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.names import SUMMARY_BATCH_ID, SUMMARY_RUN

_BROADCAST_BYTES = 32 << 20
_PURGE_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class MirrorOutcome:
    """What a batch did to one mirror. ``old_days``: where the changed rows were before."""

    read: int
    newest: int
    changed: int
    old_days: frozenset[date | None]
    floor: datetime | None


@dataclass
class _Planned:
    """One mirror's part of the batch, before anything is written."""

    source: Source
    marks: Marks
    is_empty: bool
    statements: DataFrame | None
    sizes: dict[str, FileSize]
    swept_at: datetime | None
    changes: DataFrame | None = None
    stats: tuple[Mapping[str, object], ...] = ()

    @property
    def floor(self) -> datetime | None:
        return max((at for at in (self.marks.floor, self.swept_at) if at is not None), default=None)


def merge_mirrors(merge: Merge, store: ObjectStore, sizes: Mapping[str, FileSize]) -> dict[str, MirrorOutcome]:
    """Apply the batch to every mirror, in one commit each; nothing is written before every file has been read whole."""
    with merge.progress.phase("read"):
        plans = [_plan(merge, store, source, sizes) for source in merge.lake.pipeline.sources]
        _measure(merge, plans)
        for plan in plans:
            _require_whole(store, plan)
    outcomes = {}
    for plan in plans:
        with merge.progress.phase(f"mirror {plan.source.id}"):
            outcomes[plan.source.id] = _commit(merge, plan)
    return outcomes


def _plan(merge: Merge, store: ObjectStore, source: Source, sizes: Mapping[str, FileSize]) -> _Planned:
    mirror = merge.lake.mirror(source.id)
    marks = mirror.marks()
    groups = _files_by_format(merge, source, sizes)
    frames = [
        build_statements(read_lines(merge.lake.spark, [store.uri(key) for key in keys]), source.key, line_format)
        for line_format, keys in groups.items()
        if keys
    ]
    statements = None
    for frame in frames:
        statements = frame if statements is None else statements.unionByName(frame)
    swept_at = _swept_at(merge, source)
    if swept_at is not None and marks.floor is not None and swept_at < marks.floor:
        swept_at = None
    own = {key: sizes[key] for keys in groups.values() for key in keys}
    plan = _Planned(source, marks, mirror.row_count() == 0, statements, own, swept_at)
    plan.changes = _changes(merge, plan)
    return plan


def _files_by_format(merge: Merge, source: Source, sizes: Mapping[str, FileSize]) -> dict[LineFormat, list[str]]:
    groups: dict[LineFormat, list[str]] = {}
    for export in merge.manifest.exports:
        if export.source == source.id:
            is_full = isinstance(export.item, FullExport)
            groups.setdefault(LineFormat(is_full, export.item.end), []).extend(file.key for file in export.files)
    inbox = [file.key for file in merge.manifest.inbox if file.source == source.id and file.key in sizes]
    groups.setdefault(LineFormat(False, None), []).extend(inbox)
    return groups


def _swept_at(merge: Merge, source: Source) -> datetime | None:
    """The newest full export of this source. Raises ``ChangeFileError`` where the batch lacks the source's part of one."""
    items = [item for item in merge.manifest.items if isinstance(item, FullExport)]
    exported = {export.item for export in merge.manifest.exports if export.source == source.id}
    for item in items:
        if item not in exported:
            raise ChangeFileError(
                f"Batch {merge.manifest.batch_id} holds the {item} without source {source.id}, whose items would all be "
                "taken for deleted. Nothing was written: build the batch again once every source is exported"
            )
    return max((item.at for item in exported if isinstance(item, FullExport)), default=None)


def _changes(merge: Merge, plan: _Planned) -> DataFrame | None:
    """Rows that the mirror must change, and (``applies`` false) the statements that change nothing."""
    parts = []
    judged = _judged(merge, plan)
    if judged is not None:
        parts.append(judged)
    mirror = None if plan.is_empty else merge.lake.mirror(plan.source.id).read()
    if mirror is not None and plan.swept_at is not None:
        named = judged.where(F.col("version_at").isNotNull()) if judged is not None else mirror.limit(0)
        parts.append(swept_changes(mirror, named, plan.swept_at, merge.run))
    horizon = _purge_horizon(merge, plan)
    if mirror is not None and horizon is not None:
        purged = purged_rows(mirror, horizon, merge.derived_through)
        parts.append(purged if judged is None else purged.join(judged.where("applies").select("key"), "key", "left_anti"))
    if mirror is not None and merge.is_rebuild:
        placed = placed_changes(mirror, merge.lake.pipeline, plan.source)
        parts.append(placed if judged is None else placed.join(judged.where("applies").select("key"), "key", "left_anti"))
    changes = None
    for part in parts:
        changes = part if changes is None else changes.unionByName(part, allowMissingColumns=True)
    return changes.persist() if changes is not None else None


def _judged(merge: Merge, plan: _Planned) -> DataFrame | None:
    if plan.statements is None:
        return None
    newest = with_day(reduce_statements(plan.statements, plan.floor), merge.lake.pipeline, plan.source)
    if plan.is_empty:
        return judge_statements(newest, None, merge.run)
    newest = newest.persist()
    keys = newest.select("key")
    if sum(size.bytes for size in plan.sizes.values()) <= _BROADCAST_BYTES:
        keys = F.broadcast(keys)
    mirror = merge.lake.mirror(plan.source.id).read().select("key", *VERSION, "day")
    present = mirror.join(keys, on="key", how="left_semi")
    return judge_statements(newest, present, merge.run).persist()


def _purge_horizon(merge: Merge, plan: _Planned) -> datetime | None:
    """The horizon, where a purge is due: at most daily, since each one rewrites files of many days."""
    covered = merge.manifest.covered_through
    if covered is None:
        return None
    horizon = purge_horizon(merge.manifest.now, covered)
    is_due = plan.marks.floor is None or horizon >= plan.marks.floor + _PURGE_EVERY
    return horizon if is_due else None


def _measure(merge: Merge, plans: Iterable[_Planned]) -> None:
    """Count all mirrors' changes in one Spark job."""
    counted = None
    for plan in plans:
        if plan.changes is not None:
            changes = plan.changes
            for name in ("applies", "statements", "problem"):
                if name not in changes.columns:
                    changes = changes.withColumn(name, F.lit(None))
            applies = F.coalesce("applies", F.lit(True)).alias("applies")
            grouped = changes.groupBy(F.lit(plan.source.id).alias("source"), "origin", "old_day", "day", applies).agg(
                F.count("*").alias("keys"),
                F.sum(F.coalesce(F.col("statements").cast("bigint"), F.lit(0))).alias("statements"),
                F.max(F.col("problem").cast("string")).alias("problem"),
            )
            counted = grouped if counted is None else counted.unionByName(grouped)
    rows = [row.asDict() for row in counted.collect()] if counted is not None else []
    for plan in plans:
        plan.stats = tuple(row for row in rows if row["source"] == plan.source.id)


def _require_whole(store: ObjectStore, plan: _Planned) -> None:
    """Raise ``ChangeFileError`` naming the file where Spark read other lines than were counted, or odd ones."""
    read = sum(int(str(row["statements"])) for row in plan.stats)
    expected = sum(size.lines for size in plan.sizes.values())
    if plan.statements is None or (read == expected and all(row["problem"] is None for row in plan.stats)):
        return
    files = [(store.key_of(row["file"]), row) for row in count_by_file(plan.statements).collect()]
    problems = {key: row["problem"] for key, row in files if row["problem"] is not None}
    require_read_whole(plan.sizes, {key: row["lines"] for key, row in files}, problems)


def _commit(merge: Merge, plan: _Planned) -> MirrorOutcome:
    mirror = merge.lake.mirror(plan.source.id)
    changed = [row for row in plan.stats if row["applies"]]
    purges = any(row["origin"] == PURGED for row in changed)
    horizon = _purge_horizon(merge, plan) if purges else None
    floor = max((at for at in (plan.floor, horizon) if at is not None), default=None)
    marks = {SUMMARY_RUN: str(merge.run), SUMMARY_BATCH_ID: merge.manifest.batch_id, **format_floor(floor)}
    merge.before_commit(f"mirror:{plan.source.id}")
    if changed and plan.changes is not None:
        days = {_as_day(row[name]) for row in changed for name in ("old_day", "day")}
        rows = plan.changes.where(F.coalesce("applies", F.lit(True))) if plan.statements is not None else plan.changes
        commit_mirror(mirror, rows, days, marks, is_empty=plan.is_empty)
    elif floor != plan.marks.floor:
        mirror.commit_marks(marks)
    if plan.changes is not None:
        plan.changes.unpersist()
    dirty = [row for row in changed if row["origin"] not in {PURGED, PLACED}]
    return MirrorOutcome(
        read=sum(size.lines for size in plan.sizes.values()),
        newest=sum(int(str(row["keys"])) for row in changed if row["origin"] == STATED),
        changed=sum(int(str(row["keys"])) for row in dirty),
        old_days=frozenset(_as_day(row["old_day"]) for row in dirty),
        floor=floor,
    )


def _as_day(value: object) -> date | None:
    return value if isinstance(value, date) else None
