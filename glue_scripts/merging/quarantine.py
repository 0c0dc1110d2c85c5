"""The quarantine step: which dirty items enter it, change in it, or leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.commits.rows import QUARANTINE_COLUMNS, commit_quarantine
from glue_scripts.merging.context import Merge
from glue_scripts.merging.derivation import TypedSource
from glue_scripts.transforms.items import REJECTED
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
        changes = _changes(merge, typed).persist()
        counts = {row["kind"]: row["count"] for row in changes.groupBy("kind").count().collect()}
        entered, left = counts.get("entered", 0), counts.get("left", 0)
        if counts:
            commit_quarantine(quarantine, changes)
        changes.unpersist()
    return QuarantineOutcome(entered, left, _reasons(quarantine.read()) if entered or not is_empty else {})


def _changes(merge: Merge, typed: Mapping[str, TypedSource]) -> DataFrame:
    """The quarantine's columns, ``is_gone`` and ``kind`` (entered, changed, left)."""
    new = old = None
    for source_id, source in typed.items():
        rejected = _rejected_rows(merge, source_id, source)
        new = rejected if new is None else new.unionByName(rejected)
        present = merge.lake.quarantine.read().where(F.col("source") == source_id)
        present = present.join(source.dirty.select("key"), on="key", how="left_semi").select(*QUARANTINE_COLUMNS)
        old = present if old is None else old.unionByName(present)
    if new is None or old is None:
        raise ValueError("a pipeline has at least one source")
    n = new.select("source", "key", F.struct(*QUARANTINE_COLUMNS).alias("new"))
    o = old.select("source", "key", F.struct(*QUARANTINE_COLUMNS).alias("old"))
    pairs = n.join(o, on=["source", "key"], how="full")
    differs = F.lit(False)
    for name in _REASON:
        differs |= ~F.col(f"new.{name}").eqNullSafe(F.col(f"old.{name}"))
    kind = F.when(F.col("old").isNull(), "entered").when(F.col("new").isNull(), "left").when(differs, "changed")
    row = pairs.select(F.coalesce("new", "old").alias("row"), kind.alias("kind"), F.col("new").isNull().alias("is_gone"))
    return row.where(F.col("kind").isNotNull()).select("row.*", "kind", "is_gone")


def _rejected_rows(merge: Merge, source_id: str, source: TypedSource) -> DataFrame:
    reason = [F.col(f"{REJECTED}.{name}").alias(name) for name in ("path", "value", "rule")]
    batch = F.lit(merge.manifest.batch_id).alias("batch_id")
    run = F.lit(merge.run).cast("bigint").alias("run")
    dirty = source.rejected.where("is_dirty")
    return dirty.select(F.lit(source_id).alias("source"), "key", *VERSION, *reason, batch, run)


def _reasons(quarantine: DataFrame) -> dict[tuple[str, str], int]:
    path = F.regexp_replace("path", r"\[[0-9]+\]", "[]")
    reason = F.concat(path, F.lit(": "), F.col("rule")).alias("reason")
    rows = quarantine.groupBy("source", reason).count().collect()
    return {(row["source"], row["reason"]): row["count"] for row in rows}
