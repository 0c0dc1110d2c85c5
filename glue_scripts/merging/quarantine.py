"""The quarantine step: which dirty items enter it, change in it, or leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame

from glue_scripts.commits.rows import QUARANTINE_COLUMNS, commit_quarantine
from glue_scripts.merging.context import Merge
from glue_scripts.merging.derivation import TypedSource
from glue_scripts.transforms.expressions import union_all
from glue_scripts.transforms.statements import VERSION

_REASON = (*VERSION, "path", "value", "rule")


@dataclass(frozen=True)
class QuarantineOutcome:
    """Items that entered and left; ``by_reason``: all items in quarantine now, by source and reason."""

    entered: int
    left: int
    by_reason: Mapping[tuple[str, str], int]


def merge_quarantine(merge: Merge, typed: Mapping[str, TypedSource]) -> QuarantineOutcome:
    """Bring quarantine in line with what is dirty, in at most one commit."""
    merge.before_commit("quarantine")
    quarantine = merge.lake.quarantine
    is_empty = quarantine.row_count() == 0
    entered = left = 0
    if typed and (not is_empty or any(source.counts["rejected"] for source in typed.values())):
        changes = merge.keep(_changes(merge, typed))
        counts = {row["kind"]: row["count"] for row in changes.groupBy("kind").count().collect()}
        entered, left = counts.get("entered", 0), counts.get("left", 0)
        if counts:
            commit_quarantine(quarantine, changes, merge.marks)
    return QuarantineOutcome(entered, left, _reasons(quarantine.read()) if entered or not is_empty else {})


def _changes(merge: Merge, typed: Mapping[str, TypedSource]) -> DataFrame:
    """The quarantine's columns, ``is_gone`` and ``kind`` (entered, changed, left)."""
    row = f"struct({', '.join(QUARANTINE_COLUMNS)})"
    new = union_all(_rejected_rows(merge, source_id, source) for source_id, source in typed.items())
    dirty = union_all(
        s.dirty.selectExpr(f"'{source_id}' AS source", "`item:key` AS key") for source_id, s in typed.items()
    )
    old = merge.lake.quarantine.read()
    if not merge.is_rebuild:  # which also takes away what is of no source any more
        old = old.join(dirty, on=["source", "key"], how="left_semi")
    pairs = new.selectExpr("source", "key", f"{row} AS new").join(
        old.selectExpr("source", "key", f"{row} AS old"), on=["source", "key"], how="full"
    )
    differs = " OR ".join(f"NOT new.{name} <=> old.{name}" for name in _REASON)
    kind = f"CASE WHEN old IS NULL THEN 'entered' WHEN new IS NULL THEN 'left' WHEN {differs} THEN 'changed' END"
    changed = pairs.selectExpr("coalesce(new, old) AS row", f"{kind} AS kind", "new IS NULL AS is_gone")
    return changed.where("kind IS NOT NULL").selectExpr("row.*", "kind", "is_gone")


def _rejected_rows(merge: Merge, source_id: str, source: TypedSource) -> DataFrame:
    return source.rejected.where("`item:is_dirty`").selectExpr(
        f"'{source_id}' AS source",
        *(f"`item:{name}` AS {name}" for name in ("key", *VERSION)),
        *("path", "value", "rule"),
        f"'{merge.manifest.batch_id}' AS batch_id",
        f"CAST({merge.run} AS BIGINT) AS run",
    )


def _reasons(quarantine: DataFrame) -> dict[tuple[str, str], int]:
    reason = "regexp_replace(path, '[\\\\[][0-9]+[\\\\]]', '[]') || ': ' || rule AS reason"
    rows = quarantine.selectExpr("source", reason).groupBy("source", "reason").count().collect()
    return {(row["source"], row["reason"]): row["count"] for row in rows}
