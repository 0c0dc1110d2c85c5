"""Newest statements against a mirror: which rows it must change."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_scripts.transforms.columns import type_columns
from glue_scripts.transforms.statements import VERSION, instant
from include.dynamo_lake.declaration.model import Pipeline, Source
from include.dynamo_lake.typing_rules.items import day_column

MIRROR_COLUMNS = ("key", "image", *VERSION, "day", "run")
STATED, SWEPT, PURGED, PLACED = "stated", "swept", "purged", "placed"


def with_day(images: DataFrame, pipeline: Pipeline, source: Source) -> DataFrame:
    """Add ``new_day``: the UTC day of the source's day attribute; null where it cannot be typed, or for a deletion."""
    if source.day is None:
        return images.withColumn("new_day", F.lit(None).cast("date"))
    column = day_column(pipeline, source.day, source.id)
    raw = F.from_json("image", f"`{source.day}` STRING")[source.day]
    typed = type_columns(images, [column], {column.name: raw})
    return typed.select(*images.columns, F.col(column.name).cast("date").alias("new_day"))


def judge_statements(newest: DataFrame, present: DataFrame | None, run: int) -> DataFrame:
    """Which of the newest statements replace a mirror row or add one.

    ``newest``: one row per key, with ``new_day``. ``present``: the mirror's rows of these keys (key, version, day), or
    None where the mirror is empty. Result: the mirror's columns, ``old_day``, ``is_known``, ``origin``, and for every
    key of the batch ``applies``, ``statements`` and ``problem``.
    """
    version = F.struct(*VERSION)
    is_said = F.col("version_at").isNotNull() & F.col("key").isNotNull()
    if present is None:
        joined = newest.withColumns({"old_day": F.lit(None).cast("date"), "is_known": F.lit(False), "applies": is_said})
    else:
        known = present.select("key", F.col("day").alias("old_day"), version.alias("known"))
        joined = newest.join(known, on="key", how="left").withColumn("is_known", F.col("known").isNotNull())
        is_newer = is_said & (~F.col("is_known") | (version > F.col("known")))
        joined = joined.withColumn("applies", F.coalesce(is_newer, F.lit(False)))
    day = F.when(F.col("image").isNull(), F.col("old_day")).otherwise(F.col("new_day"))
    row = _mirror_row(F.col("image"), day, F.lit(run))
    return joined.select(*row, "old_day", "is_known", F.lit(STATED).alias("origin"), "applies", "statements", "problem")


def swept_changes(mirror: DataFrame, named: DataFrame, at: datetime, run: int) -> DataFrame:
    """Tombstones for present rows older than a full export at ``at`` whose keys it does not name.

    ``named``: the keys of the batch's statements that are as of ``at`` or later.
    """
    older = mirror.where(F.col("image").isNotNull() & (F.col("version_at") < instant(at)))
    absent = older.join(named.select("key"), on="key", how="left_anti")
    absent = absent.withColumns(
        {"old_day": F.col("day"), "version_at": instant(at), "version_kind": F.lit(0), "version_sequence": F.lit("")}
    )
    row = _mirror_row(F.lit(None).cast("string"), F.col("day"), F.lit(run))
    return absent.select(*row, "old_day", F.lit(True).alias("is_known"), F.lit(SWEPT).alias("origin"))


def purged_rows(mirror: DataFrame, horizon: datetime, derived_through: int) -> DataFrame:
    """Derived tombstones older than the purge horizon, to be deleted."""
    old = mirror.where(
        F.col("image").isNull() & (F.col("version_at") < instant(horizon)) & (F.col("run") <= derived_through)
    )
    row = _mirror_row(F.col("image"), F.col("day"), F.col("run"))
    return old.select(*row, F.col("day").alias("old_day"), F.lit(True).alias("is_known"), F.lit(PURGED).alias("origin"))


def placed_changes(mirror: DataFrame, pipeline: Pipeline, source: Source) -> DataFrame:
    """Present rows whose day is another one under the present declaration; their ``run`` stays."""
    placed = with_day(mirror.where(F.col("image").isNotNull()), pipeline, source)
    moved = placed.where(~F.col("day").eqNullSafe(F.col("new_day")))
    row = _mirror_row(F.col("image"), F.col("new_day"), F.col("run"))
    return moved.select(*row, F.col("day").alias("old_day"), F.lit(True).alias("is_known"), F.lit(PLACED).alias("origin"))


def _mirror_row(image: SparkColumn, day: SparkColumn, run: SparkColumn) -> list[SparkColumn]:
    versions = [F.col(name) for name in VERSION]
    return [F.col("key"), image.alias("image"), *versions, day.alias("day"), run.cast("bigint").alias("run")]
