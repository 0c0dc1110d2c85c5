"""Statements into the mirrors: read, check, reduce, compare, commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast

from glue_scripts.commits.rows import commit_mirror
from glue_scripts.commits.tables import Marks, format_floor
from glue_scripts.merging.context import Merge
from glue_scripts.merging.derivation import read_dirty
from glue_scripts.storage.change_files import FileSize, require_read_whole, unread_files, without_moved
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
from glue_scripts.transforms.expressions import union_all
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


@dataclass(frozen=True)
class MirrorOutcome:
    """What a batch did to one mirror. ``old_days``: where the changed rows were before; of rows that a repair put right
    (``is_repaired``) that says nothing certain. ``files``, ``bytes``, ``read`` (lines): of the change files as they
    were checked before Spark. ``stated``: statements that Spark read in them; ``newest``: of these the applied ones.
    """

    files: int
    bytes: int
    read: int
    stated: int
    newest: int
    changed: int
    old_days: frozenset[date | None]
    floor: datetime | None
    is_repaired: bool = False


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


def merge_mirrors(
    merge: Merge, store: ObjectStore, sizes: Mapping[str, FileSize]
) -> tuple[dict[str, MirrorOutcome], dict[str, str]]:
    """Apply the batch to every mirror, in one commit each; nothing is written before every file has been read whole.

    Returns the outcome by source, and the inbox files that were left out because they cannot be read, with the reason.
    """
    with merge.progress.phase("read"):
        plans, unread = _read_whole(merge, store, sizes)
    outcomes = {}
    for plan in plans:
        with merge.progress.phase(f"mirror {plan.source.id}"):
            outcomes[plan.source.id] = _commit(merge, plan)
    return outcomes, unread


def _read_whole(
    merge: Merge, store: ObjectStore, sizes: Mapping[str, FileSize]
) -> tuple[list[_Planned], dict[str, str]]:
    """Plan every mirror's part of the batch; anew without the inbox files that another run has moved meanwhile, or that
    cannot be read (returned with the reason).
    """
    unread: dict[str, str] = {}
    try:
        plans = [_plan(merge, store, source, sizes) for source in merge.lake.pipeline.sources]
        _measure(merge, plans)
        for plan in plans:
            unread |= _unread(store, plan)
        require_read_whole(unread)
        return plans, {}
    except Exception:
        left = without_moved(store, merge.manifest, sizes)
        if len(left) < len(sizes):
            unread = {}
        elif not unread or unread.keys() - {file.key for file in merge.manifest.inbox}:
            raise
    left = {key: size for key, size in left.items() if key not in unread}
    print(f"Read anew without {len(sizes) - len(left)} inbox files: moved by another run, or {unread}", flush=True)
    merge.lake.spark.catalog.clearCache()
    plans, more = _read_whole(merge, store, left)
    return plans, unread | more


def _plan(merge: Merge, store: ObjectStore, source: Source, sizes: Mapping[str, FileSize]) -> _Planned:
    mirror = merge.lake.mirror(source.id)
    marks = mirror.marks()
    groups = _files_by_format(merge, source, sizes)
    frames = [
        build_statements(read_lines(merge.lake.spark, [store.uri(key) for key in keys]), source.key, line_format)
        for line_format, keys in groups.items()
        if keys
    ]
    statements = union_all(frames) if frames else None
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
                "taken for deleted. No row was written: build the batch again once every source is exported"
            )
    return max((item.at for item in exported if isinstance(item, FullExport)), default=None)


def _changes(merge: Merge, plan: _Planned) -> DataFrame | None:
    """Rows that the mirror must change, and (``applies`` false) the statements that change nothing."""
    judged = _judged(merge, plan)
    parts = [] if judged is None else [judged]
    if not plan.is_empty:
        parts += _other_changes(merge, plan, judged)
    if not parts:
        return None
    everything = parts[0]
    for part in parts[1:]:
        everything = everything.unionByName(part, allowMissingColumns=True)
    return merge.keep(everything)


def _other_changes(merge: Merge, plan: _Planned, judged: DataFrame | None) -> list[DataFrame]:
    """What changes without a statement of its own: swept by a full export, purged, or placed anew.

    Placed anew is what the target gets in this merge: a declaration that was mended since a crash puts its rows on other days than
    the mirror says, and later merges look for them where it says.
    """
    mirror = merge.lake.mirror(plan.source.id).read()
    changes = []
    if plan.swept_at is not None:
        named = judged.where("version_at IS NOT NULL") if judged is not None else None
        changes.append(swept_changes(mirror, named, plan.swept_at, merge.run))
    others = []
    horizon = _purge_horizon(merge)
    if horizon is not None:
        others.append(purged_rows(mirror, horizon, merge.derived_through))
    if merge.is_rebuild or merge.has_leftovers:
        placed = placed_changes(read_dirty(merge, plan.source), merge.lake.pipeline, plan.source)
        for swept in changes:
            placed = placed.join(swept.select("key"), on="key", how="left_anti")
        others.append(placed)
    if judged is not None:
        stated = judged.where("applies").select("key")
        others = [other.join(stated, on="key", how="left_anti") for other in others]
    return changes + others


def _judged(merge: Merge, plan: _Planned) -> DataFrame | None:
    if plan.statements is None:
        return None
    newest = with_day(reduce_statements(plan.statements, plan.floor), merge.lake.pipeline, plan.source)
    if plan.is_empty:
        return judge_statements(newest, None, merge.run)
    newest = merge.keep(newest)
    keys = newest.select("key")
    if merge.is_small:
        keys = broadcast(keys)
    mirror = merge.lake.mirror(plan.source.id).read().select("key", *VERSION, "day")
    present = mirror.join(keys, on="key", how="left_semi")
    return merge.keep(judge_statements(newest, present, merge.run))


def _purge_horizon(merge: Merge) -> datetime | None:
    """The horizon, where a purge is due: with the day's maintenance, since each one rewrites files of many days."""
    covered = merge.manifest.covered_through
    return purge_horizon(merge.manifest.now, covered) if covered is not None and merge.maintains else None


def _measure(merge: Merge, plans: Iterable[_Planned]) -> None:
    """Count all mirrors' changes in one Spark job."""
    frames = [_counted(plan.source.id, plan.changes) for plan in plans if plan.changes is not None]
    rows = [row.asDict() for row in union_all(frames).collect()] if frames else []
    for plan in plans:
        plan.stats = tuple(row for row in rows if row["source"] == plan.source.id)


def _counted(source_id: str, changes: DataFrame) -> DataFrame:
    judged = {"applies": "coalesce(applies, true)", "statements": "coalesce(statements, 0L)", "problem": "problem"}
    if "applies" not in changes.columns:
        judged = {"applies": "true", "statements": "0L", "problem": "CAST(NULL AS STRING)"}
    named = [f"{expression} AS {name}" for name, expression in judged.items()]
    grouped = changes.selectExpr(f"'{source_id}' AS source", "origin", "old_day", "day", *named)
    counted = grouped.groupBy("source", "origin", "old_day", "day", "applies")
    names = ("source", "origin", "old_day", "day", "applies", "`count(1)` AS keys")
    totals = counted.agg({"*": "count", "statements": "sum", "problem": "max"})
    return totals.selectExpr(*names, "`sum(statements)` AS statements", "`max(problem)` AS problem")


def _unread(store: ObjectStore, plan: _Planned) -> dict[str, str]:
    if plan.statements is None:
        return {}
    has_problem = any(row["problem"] is not None for row in plan.stats)
    return find_unread(store, plan.statements, plan.sizes, _stated(plan), has_problem=has_problem)


def _stated(plan: _Planned) -> int:
    return sum(int(str(row["statements"])) for row in plan.stats)


def find_unread(
    store: ObjectStore, statements: DataFrame, sizes: Mapping[str, FileSize], read: int, *, has_problem: bool
) -> dict[str, str]:
    """The files of which Spark read other lines than were counted, or odd ones, with the reason."""
    if read == sum(size.lines for size in sizes.values()) and not has_problem:
        return {}
    files = [(store.key_of(row["file"]), row) for row in count_by_file(statements).collect()]
    problems = {key: row["problem"] for key, row in files if row["problem"] is not None}
    return unread_files(sizes, {key: row["lines"] for key, row in files}, problems)


def _commit(merge: Merge, plan: _Planned) -> MirrorOutcome:
    mirror = merge.lake.mirror(plan.source.id)
    changed = [row for row in plan.stats if row["applies"]]
    purges = any(row["origin"] == PURGED for row in changed)
    horizon = _purge_horizon(merge) if purges else None
    floor = max((at for at in (plan.floor, horizon) if at is not None), default=None)
    marks = {**merge.marks, **format_floor(floor)}
    merge.before_commit(f"mirror:{plan.source.id}")
    if changed and plan.changes is not None:
        days = {_as_day(row[name]) for row in changed for name in ("old_day", "day")}
        rows = plan.changes.where("coalesce(applies, true)") if plan.statements is not None else plan.changes
        rows = broadcast(rows) if merge.is_small and not plan.is_empty else rows
        commit_mirror(mirror, rows, days, marks, is_empty=plan.is_empty)
    elif floor != plan.marks.floor or merge.is_rebuild:
        mirror.commit_marks(marks)
    dirty = [row for row in changed if row["origin"] not in {PURGED, PLACED}]
    return MirrorOutcome(
        files=len(plan.sizes),
        bytes=sum(size.bytes for size in plan.sizes.values()),
        read=sum(size.lines for size in plan.sizes.values()),
        stated=_stated(plan),
        newest=sum(int(str(row["keys"])) for row in changed if row["origin"] == STATED),
        changed=sum(int(str(row["keys"])) for row in dirty),
        old_days=frozenset(_as_day(row["old_day"]) for row in dirty),
        floor=floor,
    )


def _as_day(value: object) -> date | None:
    return value if isinstance(value, date) else None
