"""Statements into the mirrors: every mirror's part is read and counted whole, then committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast

from glue_scripts.commits.rows import commit_mirror
from glue_scripts.commits.tables import format_floor
from glue_scripts.merging.context import Merge
from glue_scripts.merging.mirror_plans import MirrorPlan, due_purge_horizon, plan_mirror
from glue_scripts.storage.change_files import FileSize, require_read_whole, unread_files, without_moved
from glue_scripts.storage.objects import ObjectStore
from glue_scripts.transforms.changes import PLACED, PURGED, STATED
from glue_scripts.transforms.expressions import union_all
from glue_scripts.transforms.statements import count_by_file


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
) -> tuple[list[MirrorPlan], dict[str, str]]:
    """Plan every mirror's part of the batch; anew without the inbox files that another run has moved meanwhile, or that
    cannot be read (returned with the reason).
    """
    unread: dict[str, str] = {}
    try:
        plans = [plan_mirror(merge, store, source, sizes) for source in merge.lake.pipeline.sources]
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


def _measure(merge: Merge, plans: Iterable[MirrorPlan]) -> None:
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


def _unread(store: ObjectStore, plan: MirrorPlan) -> dict[str, str]:
    if plan.statements is None:
        return {}
    has_problem = any(row["problem"] is not None for row in plan.stats)
    return find_unread(store, plan.statements, plan.sizes, _stated(plan), has_problem=has_problem)


def _stated(plan: MirrorPlan) -> int:
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


def _commit(merge: Merge, plan: MirrorPlan) -> MirrorOutcome:
    mirror = merge.lake.mirror(plan.source.id)
    changed = [row for row in plan.stats if row["applies"]]
    purges = any(row["origin"] == PURGED for row in changed)
    horizon = due_purge_horizon(merge) if purges else None
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
