"""Newest statements against a mirror: which rows it must change.

Changes have the mirror's columns, ``old_day`` (where the row was), ``origin``, and, as statements are judged whether
they change anything or not, ``applies``, ``statements`` and ``problem``.
"""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame

from glue_scripts.transforms.columns import type_columns
from glue_scripts.transforms.expressions import literal, quoted
from glue_scripts.transforms.statements import VERSION, instant
from include.dynamo_lake.declaration.model import Pipeline, Source
from include.dynamo_lake.typing_rules.items import day_column

MIRROR_COLUMNS = ("key", "image", *VERSION, "day", "run")
STATED, SWEPT, PURGED, PLACED, REPAIRED = "stated", "swept", "purged", "placed", "repaired"
_VERSION = f"struct({', '.join(VERSION)})"


def with_day(images: DataFrame, pipeline: Pipeline, source: Source) -> DataFrame:
    """Add ``new_day``: the UTC day of the source's day attribute; null where it cannot be typed, or for a deletion."""
    if source.day is None:
        return images.selectExpr("*", "CAST(NULL AS DATE) AS new_day")
    column = day_column(pipeline, source.day, source.id)
    schema = literal(f"{quoted(source.day)} STRING")
    raw = f"from_json(`row:image`, {schema}).{quoted(source.day)}"
    renamed = images.selectExpr(*(f"{quoted(name)} AS {quoted(f'row:{name}')}" for name in images.columns))
    typed = type_columns(renamed, [column], {column.name: raw})
    back = [f"{quoted(f'row:{name}')} AS {quoted(name)}" for name in images.columns]
    return typed.selectExpr(*back, f"CAST({quoted(column.name)} AS DATE) AS new_day")


def judge_statements(newest: DataFrame, present: DataFrame | None, run: int) -> DataFrame:
    """Which of the newest statements replace a mirror row or add one.

    ``newest``: one row per key, with ``new_day``. ``present``: the mirror's rows of these keys (key, version, day), or
    None where the mirror is empty.
    """
    is_said = "version_at IS NOT NULL AND key IS NOT NULL"
    if present is None:
        joined = newest.selectExpr("*", "CAST(NULL AS DATE) AS old_day", f"{is_said} AS applies")
    else:
        known = present.selectExpr("key", "day AS old_day", f"{_VERSION} AS known")
        is_newer = f"{is_said} AND (known IS NULL OR {_VERSION} > known)"
        joined = newest.join(known, on="key", how="left").selectExpr("*", f"coalesce({is_newer}, false) AS applies")
    row = _mirror_row("image", "if(image IS NULL, old_day, new_day)", run)
    return joined.selectExpr(*row, "old_day", f"'{STATED}' AS origin", "applies", "statements", "problem")


def swept_changes(mirror: DataFrame, named: DataFrame | None, at: datetime, run: int) -> DataFrame:
    """Tombstones for present rows older than a full export at ``at`` whose keys it does not name.

    ``named``: the keys of the batch's statements that are as of ``at`` or later (None: there are none).
    """
    older = mirror.where(f"image IS NOT NULL AND version_at < {instant(at)}")
    if named is not None:
        older = older.join(named.select("key"), on="key", how="left_anti")
    version = (f"{instant(at)} AS version_at", "0 AS version_kind", "'' AS version_sequence")
    row = ("key", "CAST(NULL AS STRING) AS image", *version, "day", f"CAST({run} AS BIGINT) AS run")
    return older.selectExpr(*row, "day AS old_day", f"'{SWEPT}' AS origin")


def purged_rows(mirror: DataFrame, horizon: datetime, derived_through: int) -> DataFrame:
    """Derived tombstones older than the purge horizon, to be deleted."""
    old = mirror.where(f"image IS NULL AND version_at < {instant(horizon)} AND run <= {derived_through}")
    return old.selectExpr(*MIRROR_COLUMNS, "day AS old_day", f"'{PURGED}' AS origin")


def placed_changes(mirror: DataFrame, pipeline: Pipeline, source: Source) -> DataFrame:
    """Present rows whose day is another one under the present declaration; their ``run`` stays."""
    placed = with_day(mirror.where("image IS NOT NULL"), pipeline, source)
    row = [name if name != "day" else "new_day AS day" for name in MIRROR_COLUMNS]
    return placed.where("NOT day <=> new_day").selectExpr(*row, "day AS old_day", f"'{PLACED}' AS origin")


def _mirror_row(image: str, day: str, run: int) -> list[str]:
    return ["key", f"{image} AS image", *VERSION, f"{day} AS day", f"CAST({run} AS BIGINT) AS run"]
