"""From the mirrors to quarantine and target: what is dirty is typed, flattened and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from glue_scripts.merging.context import Merge
from glue_scripts.transforms.columns import NULLED
from glue_scripts.transforms.expressions import quoted, union_all
from glue_scripts.transforms.items import IMAGE, POSITION, REJECTED, type_items
from glue_scripts.transforms.lookups import build_index, item_match_columns, with_lookup_key
from glue_scripts.transforms.statements import VERSION
from glue_scripts.transforms.target_rows import item_columns
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.typing_rules import lookup_columns

_CARRIED = ("key", *VERSION, "run")
ITEM_COLUMNS = tuple(quoted(f"item:{name}") for name in (*_CARRIED, "is_dirty"))


@dataclass(frozen=True)
class TypedSource:
    """A source's dirty items (and, of the lookup source, those that dirty main items need), typed and flattened.

    ``dirty``: ``item:key`` of the mirror rows that the target was not derived from yet, deletions included. ``rows``:
    as of ``type_items``. ``rejected``: one row per refused item with its first rejection. ``counts``: ``dirty``,
    ``without_rows``, ``rejected`` (dirty ones), ``rejected_now`` (written by this run), ``rejected_any`` (needed ones
    too). ``days``: of the main source's new rows.
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
        return self.rows.join(self.rejected.select("`item:key`"), on="item:key", how="left_anti")

    @property
    def nulled(self) -> list[str]:
        """The flag columns of fields that an error makes null."""
        return [name for name in self.rows.columns if name.startswith(NULLED)]


@dataclass(frozen=True)
class _Frames:
    dirty: DataFrame
    rows: DataFrame
    rejected: DataFrame


def type_sources(merge: Merge) -> dict[str, TypedSource]:
    """Type what is dirty in every mirror, and count it in one Spark job."""
    pipeline = merge.lake.pipeline
    frames = {pipeline.main.id: _type_main(merge)}
    if pipeline.lookup_source is not None:
        frames[pipeline.lookup_source.id] = _type_lookup(merge, pipeline.lookup_source, frames[pipeline.main.id].rows)
    counted = union_all(count for source_id, one in frames.items() for count in _counts(merge, source_id, one))
    counts: dict[str, dict[str, int]] = {source_id: {} for source_id in frames}
    days: dict[str, set[date]] = {source_id: set() for source_id in frames}
    for row in counted.collect():
        counts[row["source"]].update(row["counts"])
        days[row["source"]].update(row["days"])
    return {
        source_id: TypedSource(
            pipeline.source(source_id), one.dirty, one.rows, one.rejected, counts[source_id], frozenset(days[source_id])
        )
        for source_id, one in frames.items()
    }


def build_lookup_index(merge: Merge, typed: Mapping[str, TypedSource]) -> DataFrame | None:
    """The looked-up values by match, of dirty and of needed lookup items; None without a lookup."""
    source = merge.lake.pipeline.lookup_source
    return None if source is None else build_index(merge.lake.pipeline, typed[source.id].accepted)


def _type_main(merge: Merge) -> _Frames:
    pipeline = merge.lake.pipeline
    dirty = read_dirty(merge, pipeline.main)
    rows = merge.keep(type_items(_images(dirty, is_dirty=True), item_columns(pipeline), pipeline.target.list))
    return _Frames(dirty.selectExpr("key AS `item:key`"), rows, _rejected(rows))


def _type_lookup(merge: Merge, source: Source, main_rows: DataFrame) -> _Frames:
    """Dirty lookup items, and the clean ones that dirty main items are looked up in."""
    pipeline = merge.lake.pipeline
    dirty = read_dirty(merge, source)
    images = _images(dirty, is_dirty=True)
    if merge.derived_through and not merge.is_rebuild:
        clean = _images(merge.lake.mirror(source.id).read().where(f"run <= {merge.derived_through}"), is_dirty=False)
        targets = item_match_columns(pipeline)
        wanted = main_rows.selectExpr(*(f"{quoted(name)} AS {quoted(f'match:{name}')}" for name in targets)).distinct()
        found = with_lookup_key(pipeline, clean).join(wanted, on=[f"match:{name}" for name in targets], how="left_semi")
        images = images.unionByName(found.select(*map(quoted, images.columns)))
    list_name = pipeline.lookup.list if pipeline.lookup else ""
    rows = merge.keep(type_items(images, lookup_columns(pipeline), list_name))
    return _Frames(dirty.selectExpr("key AS `item:key`"), rows, _rejected(rows))


def read_dirty(merge: Merge, source: Source) -> DataFrame:
    """The mirror rows that the target is not derived from yet; in a rebuild all of them."""
    mirror = merge.lake.mirror(source.id).read()
    return mirror if merge.is_rebuild else mirror.where(f"run > {merge.derived_through}")


def _images(mirror: DataFrame, *, is_dirty: bool) -> DataFrame:
    carried = [f"{name} AS {quoted(f'item:{name}')}" for name in _CARRIED]
    present = mirror.where("image IS NOT NULL")
    return present.selectExpr(*carried, f"{str(is_dirty).lower()} AS `item:is_dirty`", f"image AS {quoted(IMAGE)}")


def _rejected(rows: DataFrame) -> DataFrame:
    """One row per refused item: its columns ``item:…``, and ``path``, ``value`` and ``rule`` of its first rejection."""
    refused = rows.where(f"{quoted(REJECTED)} IS NOT NULL").selectExpr(*ITEM_COLUMNS, f"{quoted(REJECTED)} AS reason")
    first = refused.groupBy(*ITEM_COLUMNS).agg({"reason": "min"})
    return first.selectExpr(*ITEM_COLUMNS, *(f"`min(reason)`.{name} AS {name}" for name in ("path", "value", "rule")))


def _counts(merge: Merge, source_id: str, frames: _Frames) -> list[DataFrame]:
    """One row each: ``source``, ``counts`` by name, ``days``."""
    pipeline = merge.lake.pipeline
    no_days = "CAST(array() AS ARRAY<DATE>)"
    is_row = f"{quoted(POSITION)} IS NOT NULL AND {quoted(REJECTED)} IS NULL"
    without_rows = f"`item:is_dirty` AND {quoted(POSITION)} IS NULL AND {quoted(REJECTED)} IS NULL"
    day = f"CAST({quoted(pipeline.target.partition)} AS DATE)"
    days = f"collect_set({day}) FILTER (WHERE {is_row})" if source_id == pipeline.target.source else no_days
    rejected = (
        f"map('rejected_any', count(*), 'rejected', count_if(`item:is_dirty`), "
        f"'rejected_now', count_if(`item:run` = {merge.run}))"
    )
    aggregates = (
        (frames.dirty, "map('dirty', count(*))", no_days),
        (frames.rows, f"map('without_rows', count_if({without_rows}))", days),
        (frames.rejected, rejected, no_days),
    )
    return [f.selectExpr(f"'{source_id}' AS source", f"{c} AS counts", f"{d} AS days") for f, c, d in aggregates]
