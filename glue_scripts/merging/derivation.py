"""From the mirrors to quarantine and target: what is dirty is typed, flattened and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.merging.context import Merge
from glue_scripts.transforms.columns import NULLED
from glue_scripts.transforms.items import POSITION, REJECTED, type_items
from glue_scripts.transforms.lookups import build_index, item_match_columns, with_lookup_key
from glue_scripts.transforms.statements import VERSION
from glue_scripts.transforms.target_rows import item_columns
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.typing_rules import lookup_columns

_CARRIED = ("key", *VERSION, "run")


@dataclass(frozen=True)
class TypedSource:
    """A source's dirty items (and, of the lookup source, those that dirty main items need), typed and flattened.

    ``dirty``: mirror rows (key, run, is_present) that the target was not derived from yet, deletions included.
    ``rows``: as of ``type_items``. ``rejected``: one row per refused item with its first rejection. ``counts``:
    ``dirty``, ``present``, ``without_rows``, ``rejected`` (dirty ones), ``rejected_now`` (written by this run),
    ``rejected_any`` (needed ones too).
    """

    source: Source
    dirty: DataFrame
    rows: DataFrame
    rejected: DataFrame
    counts: Mapping[str, int]
    days: frozenset[date]

    @property
    def accepted(self) -> DataFrame:
        """The rows of items that are typed as a whole."""
        if not self.counts["rejected_any"]:
            return self.rows
        return self.rows.join(self.rejected.select("key"), on="key", how="left_anti")

    @property
    def nulled(self) -> list[str]:
        """The flag columns of fields that an error makes null."""
        return [name for name in self.rows.columns if name.startswith(NULLED)]


def type_sources(merge: Merge) -> dict[str, TypedSource]:
    """Type what is dirty in every mirror, and count it in one Spark job."""
    pipeline = merge.lake.pipeline
    main = _typed(merge, pipeline.main, None)
    parts = {pipeline.main.id: main}
    if pipeline.lookup_source is not None:
        parts[pipeline.lookup_source.id] = _typed(merge, pipeline.lookup_source, main[1])
    counted = None
    for source_id, (dirty, rows, rejected) in parts.items():
        for frame in _counts(merge, source_id, dirty, rows, rejected):
            counted = frame if counted is None else counted.unionByName(frame)
    counts: dict[str, dict[str, int]] = {source_id: {} for source_id in parts}
    days: dict[str, set[date]] = {source_id: set() for source_id in parts}
    for row in counted.collect() if counted is not None else []:
        if row["day"] is not None:
            days[row["source"]].add(row["day"])
        if row["name"] is not None:
            counts[row["source"]][row["name"]] = counts[row["source"]].get(row["name"], 0) + int(row["count"] or 0)
    return {
        source_id: TypedSource(
            pipeline.source(source_id), dirty, rows, rejected, counts[source_id], frozenset(days[source_id])
        )
        for source_id, (dirty, rows, rejected) in parts.items()
    }


def build_lookup_index(merge: Merge, typed: Mapping[str, TypedSource]) -> DataFrame | None:
    """The looked-up values by match, of dirty and of needed lookup items; None without a lookup."""
    source = merge.lake.pipeline.lookup_source
    return None if source is None else build_index(merge.lake.pipeline, typed[source.id].accepted)


def _typed(merge: Merge, source: Source, main_rows: DataFrame | None) -> tuple[DataFrame, DataFrame, DataFrame]:
    pipeline = merge.lake.pipeline
    mirror = merge.lake.mirror(source.id).read()
    dirty = mirror if merge.is_rebuild else mirror.where(F.col("run") > merge.derived_through)
    present = dirty.where(F.col("image").isNotNull()).select(*_CARRIED, "image", F.lit(True).alias("is_dirty"))
    if source.id == pipeline.target.source:
        columns, list_name = item_columns(pipeline), pipeline.target.list
    else:
        columns, list_name = lookup_columns(pipeline), pipeline.lookup.list if pipeline.lookup else ""
        if main_rows is not None and not merge.is_rebuild and merge.derived_through:
            present = present.unionByName(_needed(merge, mirror, main_rows))
    rows = type_items(present, columns, list_name).persist()
    first = F.min_by(REJECTED, f"{REJECTED}.rank").alias(REJECTED)
    refused = rows.where(F.col(REJECTED).isNotNull())
    rejected = refused.groupBy(*_CARRIED, "is_dirty").agg(first).persist()
    return dirty.select("key", "run", F.col("image").isNotNull().alias("is_present")), rows, rejected


def _needed(merge: Merge, mirror: DataFrame, main_rows: DataFrame) -> DataFrame:
    """Clean lookup items that dirty main items are looked up in."""
    pipeline = merge.lake.pipeline
    clean = mirror.where((F.col("run") <= merge.derived_through) & F.col("image").isNotNull())
    names = item_match_columns(pipeline)
    wanted = main_rows.select(*names).distinct()
    found = with_lookup_key(pipeline, clean).join(wanted, on=names, how="left_semi")
    return found.select(*_CARRIED, "image", F.lit(False).alias("is_dirty"))


def _counts(merge: Merge, source_id: str, dirty: DataFrame, rows: DataFrame, rejected: DataFrame) -> list[DataFrame]:
    pipeline = merge.lake.pipeline
    source, no_day = F.lit(source_id).alias("source"), F.lit(None).cast("date").alias("day")

    def named(frame: DataFrame, name: str, count) -> DataFrame:  # type: ignore[no-untyped-def]
        return frame.agg(count.cast("bigint").alias("count")).select(source, F.lit(name).alias("name"), "count", no_day)

    is_empty_item = F.col("is_dirty") & F.col(POSITION).isNull() & F.col(REJECTED).isNull()
    frames = [
        named(dirty, "dirty", F.count("*")),
        named(dirty, "present", F.count_if("is_present")),
        named(rows, "without_rows", F.count_if(is_empty_item)),
        named(rejected, "rejected_any", F.count("*")),
        named(rejected, "rejected", F.count_if("is_dirty")),
        named(rejected, "rejected_now", F.count_if(F.col("run") == merge.run)),
    ]
    if source_id == pipeline.target.source:
        day = F.col(pipeline.target.partition).cast("date").alias("day")
        flattened = rows.where(F.col(POSITION).isNotNull() & F.col(REJECTED).isNull())
        no_count = F.lit(None).cast("bigint").alias("count")
        frames.append(flattened.select(day).distinct().select(source, F.lit(None).cast("string").alias("name"), no_count, "day"))
    return frames
