"""The target step: all rows of the affected items replaced together, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.commits.rows import commit_days, commit_target, within_days
from glue_scripts.merging.context import Merge
from glue_scripts.merging.derivation import TypedSource, build_lookup_index
from glue_scripts.merging.mirrors import MirrorOutcome
from glue_scripts.transforms.columns import NULLED
from glue_scripts.transforms.expressions import literal, quoted, union_all
from glue_scripts.transforms.lookups import REPEATED, item_match_columns, with_lookup_key
from glue_scripts.transforms.target_rows import (
    DELETE,
    INSERT,
    LOOK_UP,
    OLD_DAY,
    OPERATION,
    UPDATE,
    build_rows,
    inserts,
    item_keys,
    key_columns,
    lookup_changes,
    rebuilt_changes,
    row_changes,
)
from include.dynamo_lake.names import SUMMARY_DAYS, SUMMARY_DERIVED_THROUGH
from include.dynamo_lake.reports import RowCounts

_LOOKED_UP_ITEMS = "items:looked up"


@dataclass(frozen=True)
class TargetOutcome:
    """What the target's commit did. ``looked_up_items``: affected by nothing but a lookup."""

    rows: RowCounts
    days: tuple[date, ...]
    looked_up_items: int
    repeated: int
    nulled: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Measured:
    operations: dict[str, int] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    looked_up_items: int = 0
    repeated: int = 0
    nulled: dict[str, int] = field(default_factory=dict)


def merge_target(
    merge: Merge,
    typed: Mapping[str, TypedSource],
    mirrors: Mapping[str, MirrorOutcome],
    wait_for_crawler: Callable[[], None],
) -> TargetOutcome:
    """Derive the dirty items' rows and commit them with ``derived_through``; wait for the output crawler first."""
    target = merge.lake.target
    is_empty = target.row_count() == 0
    index = build_lookup_index(merge, typed)
    index = merge.keep(index) if index is not None else None
    new = build_rows(merge.lake.pipeline, typed[merge.lake.pipeline.main.id].accepted, index)
    changes = _changes(merge, typed, mirrors, index, new, is_empty=is_empty)
    measured = _measure(merge, typed, index, None if is_empty else changes)
    main = typed[merge.lake.pipeline.main.id]
    written_days = set(main.days) if is_empty else set(measured.days)
    # Also where rows stay as they are: whoever verifies what was stated looks for its rows on these days.
    measured.days |= main.days
    marks = {
        **merge.marks,
        SUMMARY_DERIVED_THROUGH: str(merge.run),
        SUMMARY_DAYS: ",".join(day.isoformat() for day in sorted(measured.days)),
    }
    merge.before_commit("target")
    wait_for_crawler()
    if merge.is_rebuild and measured.operations:
        commit_days(target, merge.lake.pipeline, new, written_days, marks)
    elif written_days:
        commit_target(target, merge.lake.pipeline, changes, written_days, marks, is_empty=is_empty)
    else:
        target.commit_marks(marks)
    if is_empty:
        measured.operations[INSERT] = target.row_count()
    return _outcome(measured)


def _changes(
    merge: Merge,
    typed: Mapping[str, TypedSource],
    mirrors: Mapping[str, MirrorOutcome],
    index: DataFrame | None,
    new: DataFrame,
    *,
    is_empty: bool,
) -> DataFrame:
    pipeline = merge.lake.pipeline
    if is_empty:
        return inserts(new)
    target = merge.lake.target.read()
    if merge.is_rebuild:
        return merge.keep(rebuilt_changes(pipeline, new, target))
    replaced = item_keys(pipeline, typed[pipeline.main.id].dirty)
    old = _known_days(merge, target, mirrors).join(replaced, on=key_columns(pipeline), how="left_semi")
    changes = row_changes(pipeline, new, old)
    lookup = pipeline.lookup_source
    if lookup is not None and index is not None and typed[lookup.id].counts["dirty"]:
        names = [f"{quoted(f'match:{name}')} AS {quoted(name)}" for name in item_match_columns(pipeline)]
        changed = with_lookup_key(pipeline, typed[lookup.id].dirty).selectExpr(*names).na.drop()
        changes = changes.unionByName(lookup_changes(pipeline, target, changed, index, replaced))
    return merge.keep(changes)


def _known_days(merge: Merge, target: DataFrame, mirrors: Mapping[str, MirrorOutcome]) -> DataFrame:
    """The target on the days where the dirty items' rows are, as far as that is certain.

    Without leftovers every dirty row was written by this run, and its rows are where the mirror had it before, unless
    the mirror was wrong.
    """
    if merge.has_leftovers or mirrors[merge.lake.pipeline.main.id].is_repaired:
        return target
    days = [day for day in mirrors[merge.lake.pipeline.main.id].old_days if day is not None]
    return target.where(within_days(F.col(merge.lake.pipeline.target.partition), days))


def _measure(
    merge: Merge, typed: Mapping[str, TypedSource], index: DataFrame | None, changes: DataFrame | None
) -> _Measured:
    """Count everything that the report needs in one Spark job."""
    frames = [frame for source in typed.values() for frame in _nulled_counts(source)]
    if index is not None:
        frames.append(_named(index, REPEATED, f"sum({quoted(REPEATED)})"))
    if changes is not None:
        key = ", ".join(map(quoted, key_columns(merge.lake.pipeline)))
        looked_up = f"count(DISTINCT {key}) FILTER (WHERE {quoted(OPERATION)} = '{LOOK_UP}')"
        frames.append(_named(changes, _LOOKED_UP_ITEMS, looked_up))
        day = f"CAST({quoted(merge.lake.pipeline.target.partition)} AS DATE) AS day"
        by_day = changes.selectExpr(f"{quoted(OPERATION)} AS name", day, f"{quoted(OLD_DAY)} AS old_day")
        frames.append(by_day.groupBy("name", "day", "old_day").count().select("name", "count", "day", "old_day"))
    measured = _Measured()
    for row in union_all(frames).collect() if frames else []:
        _take(measured, row["name"], int(row["count"] or 0), {row["day"], row["old_day"]})
    return measured


def _take(measured: _Measured, name: str, count: int, days: set[date | None]) -> None:
    if name == REPEATED:
        measured.repeated = count
    elif name == _LOOKED_UP_ITEMS:
        measured.looked_up_items = count
    elif name.startswith(NULLED):
        path = name.removeprefix(NULLED)
        measured.nulled |= {path: measured.nulled.get(path, 0) + count} if count else {}
    else:
        measured.operations[name] = measured.operations.get(name, 0) + count
        measured.days |= {day for day in days if day is not None}


def _nulled_counts(source: TypedSource) -> list[DataFrame]:
    accepted = source.accepted.where("`item:is_dirty`") if source.nulled else source.rows
    return [_named(accepted, name, f"count_if({quoted(name)})") for name in source.nulled]


def _named(frame: DataFrame, name: str, count: str) -> DataFrame:
    no_day = "CAST(NULL AS DATE)"
    return frame.selectExpr(f"{literal(name)} AS name", f"{count} AS count", f"{no_day} AS day", f"{no_day} AS old_day")


def _outcome(measured: _Measured) -> TargetOutcome:
    operations = measured.operations
    counts = RowCounts(
        inserted=operations.get(INSERT, 0),
        updated=operations.get(UPDATE, 0) + operations.get(LOOK_UP, 0),
        deleted=operations.get(DELETE, 0),
    )
    return TargetOutcome(
        counts, tuple(sorted(measured.days)), measured.looked_up_items, measured.repeated, measured.nulled
    )
