"""Commits of rows: one Iceberg snapshot each, with literal days so that few files are touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from glue_scripts.commits.tables import LakeTable
from glue_scripts.transforms.changes import MIRROR_COLUMNS, PURGED
from glue_scripts.transforms.lookups import looked_up_columns
from glue_scripts.transforms.target_rows import DELETE, LOOK_UP, OPERATION
from include.dynamo_lake.declaration.model import Pipeline

_MAX_RANGES = 200
QUARANTINE_COLUMNS = (
    "source", "key", "version_at", "version_kind", "version_sequence", "path", "value", "rule", "batch_id", "run",
)  # fmt: skip


def commit_mirror(
    table: LakeTable, changes: DataFrame, days: Iterable[date | None], marks: Mapping[str, str], *, is_empty: bool
) -> None:
    """Replace, add and delete mirror rows. ``days``: where the present rows are and the new ones go."""
    with table.marked(marks):
        if is_empty:
            changes.select(*MIRROR_COLUMNS).writeTo(table.name).append()
            return
        row = {name: F.col(f"change.{name}") for name in MIRROR_COLUMNS}
        at_home = _on_days(F.col(f"{table.name}.day"), days)
        merge = changes.alias("change").mergeInto(
            table.name, (F.col(f"{table.name}.key") == F.col("change.key")) & at_home
        )
        purged = F.col("change.origin") == PURGED
        merge.whenMatched(purged).delete().whenMatched().update(row).whenNotMatched(~purged).insert(row).merge()


def commit_quarantine(table: LakeTable, changes: DataFrame, marks: Mapping[str, str]) -> None:
    """Replace, add and remove quarantined items; ``is_gone`` marks those that leave."""
    row = {name: F.col(f"change.{name}") for name in QUARANTINE_COLUMNS}
    same = [F.col(f"{table.name}.{name}") == F.col(f"change.{name}") for name in ("source", "key")]
    merge = changes.alias("change").mergeInto(table.name, same[0] & same[1])
    gone = F.col("change.is_gone")
    with table.marked(marks):
        merge.whenMatched(gone).delete().whenMatched().update(row).whenNotMatched(~gone).insert(row).merge()


def commit_target(
    table: LakeTable,
    pipeline: Pipeline,
    changes: DataFrame,
    days: Iterable[date],
    marks: Mapping[str, str],
    *,
    is_empty: bool,
) -> None:
    """Insert, update and delete target rows. ``days``: where the changed rows are and go."""
    names = [column.name for column in pipeline.target.columns]
    with table.marked(marks):
        if is_empty:
            changes.select(*names).writeTo(table.name).append()
            return
        conditions = [F.col(f"{table.name}.{name}") == F.col(f"change.{name}") for name in pipeline.target.row_key]
        conditions.append(within_days(F.col(f"{table.name}.{pipeline.target.partition}"), days))
        merge = changes.alias("change").mergeInto(table.name, _all(conditions))
        operation = F.col(f"change.`{OPERATION}`")
        merge = merge.whenMatched(operation == DELETE).delete()
        looked_up = {column.name: F.col(f"change.{column.name}") for column in looked_up_columns(pipeline)}
        if looked_up:
            merge = merge.whenMatched(operation == LOOK_UP).update(looked_up)
        row = {name: F.col(f"change.{name}") for name in names}
        merge.whenMatched().update(row).whenNotMatched(~operation.isin(DELETE, LOOK_UP)).insert(row).merge()


def commit_days(
    table: LakeTable, pipeline: Pipeline, rows: DataFrame, days: Iterable[date], marks: Mapping[str, str]
) -> None:
    """Put these rows in the place of all that stand on these days, or on none: whatever stands there, no key is asked for.

    ``rows``: of all days.
    """
    partition = F.col(pipeline.target.partition)
    replaced = _any([*_spans(partition, days), partition.isNull()])
    names = [column.name for column in pipeline.target.columns]
    with table.marked(marks):
        rows.where(replaced).select(*names).writeTo(table.name).overwrite(replaced)


def within_days(column: Column, days: Iterable[date]) -> Column:
    """A timestamp lies on one of these days: as literal ranges, which Iceberg prunes by."""
    return _any(_spans(column, days))


def _spans(column: Column, days: Iterable[date]) -> list[Column]:
    return [
        (column >= _midnight(first)) & (column < _midnight(last + timedelta(days=1))) for first, last in _ranges(days)
    ]


def _on_days(column: Column, days: Iterable[date | None]) -> Column:
    """A date is one of these, null included."""
    listed = set(days)
    spans = [column.between(F.lit(first), F.lit(last)) for first, last in _ranges(day for day in listed if day)]
    return _any([*spans, column.isNull()] if None in listed else spans)


def _ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Adjoining days as ranges; very many of them as one."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if ranges and day - ranges[-1][1] <= timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges if len(ranges) <= _MAX_RANGES else [(ranges[0][0], ranges[-1][1])]


def _midnight(day: date) -> Column:
    return F.lit(f"{day.isoformat()} 00:00:00").cast("timestamp_ntz")


def _any(conditions: Sequence[Column]) -> Column:
    result = F.lit(False) if not conditions else conditions[0]
    for condition in conditions[1:]:
        result |= condition
    return result


def _all(conditions: Sequence[Column]) -> Column:
    result = conditions[0]
    for condition in conditions[1:]:
        result &= condition
    return result
