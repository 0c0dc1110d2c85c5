"""One mirror's part of a batch: its change files as statements, judged against the mirror, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast

from glue_scripts.commits.tables import Marks
from glue_scripts.merging.context import Merge
from glue_scripts.merging.derivation import read_dirty
from glue_scripts.storage.change_files import FileSize
from glue_scripts.storage.objects import ObjectStore
from glue_scripts.transforms.changes import judge_statements, placed_changes, purged_rows, swept_changes, with_day
from glue_scripts.transforms.expressions import union_all
from glue_scripts.transforms.statements import VERSION, LineFormat, build_statements, read_lines, reduce_statements
from include.dynamo_lake.coverage import FullExport, purge_horizon
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.errors import ChangeFileError


@dataclass
class MirrorPlan:
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


def plan_mirror(merge: Merge, store: ObjectStore, source: Source, sizes: Mapping[str, FileSize]) -> MirrorPlan:
    """Plan what the batch does to a source's mirror. ``sizes``: of the change files that are to be applied.

    Raises:
        ChangeFileError: the batch holds a full export without this source's part.
    """
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
    plan = MirrorPlan(source, marks, mirror.row_count() == 0, statements, own, swept_at)
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


def _changes(merge: Merge, plan: MirrorPlan) -> DataFrame | None:
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


def _other_changes(merge: Merge, plan: MirrorPlan, judged: DataFrame | None) -> list[DataFrame]:
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
    horizon = due_purge_horizon(merge)
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


def _judged(merge: Merge, plan: MirrorPlan) -> DataFrame | None:
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


def due_purge_horizon(merge: Merge) -> datetime | None:
    """The horizon, where a purge is due: with the day's maintenance, since each one rewrites files of many days."""
    covered = merge.manifest.covered_through
    return purge_horizon(merge.manifest.now, covered) if covered is not None and merge.maintains else None
