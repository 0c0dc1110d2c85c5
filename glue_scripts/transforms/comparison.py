"""A mirror against what its source held at one instant: kinds of differences, and the rows that put them right."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame

from glue_scripts.transforms.changes import REPAIRED, with_day
from glue_scripts.transforms.expressions import literal
from glue_scripts.transforms.statements import VERSION, instant
from include.dynamo_lake.declaration.model import Pipeline, Source

MISSING, EXTRA, DIFFERENT = "missing", "extra", "different"
SAME, NEWER = "same", "newer"
DIFFERENCES = (MISSING, EXTRA, DIFFERENT)
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SETS = ('SS"', 'NS"', 'BS"')
_BEHIND_A_SET = r'(?<="[SNB]S":\[)'


def compare(mirror: DataFrame, held: DataFrame, at: datetime, *, is_old: bool) -> DataFrame:
    """Every key that the mirror shows or the source held: ``key``, ``kind``, the version and the day of the mirror's row.

    ``held``: one row per key (``key``, ``image``, ``statements``, ``problem``; the latter two are carried). A key of
    which the mirror knows something later than ``at`` is ``newer``, and every key where the state ``is_old`` (a later
    full export has been applied).
    """
    version = f"struct({', '.join(VERSION)})"
    shown = mirror.selectExpr("key", f"{version} AS known", "day AS old_day", f"{_digest('image')} AS shown")
    stated = held.selectExpr("key", f"{_digest('image')} AS held", "statements", "problem")
    is_newer = f"{str(is_old).lower()} OR coalesce(known > struct({instant(at)}, 0, ''), false)"
    kind = (
        f"CASE WHEN held IS NULL AND shown IS NULL THEN NULL WHEN {is_newer} THEN '{NEWER}' "
        f"WHEN shown IS NULL THEN '{MISSING}' WHEN held IS NULL THEN '{EXTRA}' "
        f"WHEN shown <> held THEN '{DIFFERENT}' ELSE '{SAME}' END AS kind"
    )
    pairs = shown.join(stated, on="key", how="full")
    versions = [f"known.{name} AS {name}" for name in VERSION]
    return pairs.selectExpr("key", kind, *versions, "old_day", "statements", "problem")


def count_kinds(compared: DataFrame) -> DataFrame:
    """``kind`` (null: nothing to compare), ``keys``, ``statements`` and one ``problem``."""
    counted = compared.groupBy("kind").agg({"*": "count", "statements": "sum", "problem": "max"})
    return counted.selectExpr(
        "kind", "`count(1)` AS keys", "`sum(statements)` AS statements", "`max(problem)` AS problem"
    )


def differing(compared: DataFrame) -> DataFrame:
    """The keys that differ."""
    kinds = ", ".join(map(literal, DIFFERENCES))
    return compared.where(f"kind IN ({kinds})").select("key", "kind", *VERSION, "old_day")


def repaired_rows(
    differences: DataFrame, held: DataFrame, pipeline: Pipeline, source: Source, at: datetime, run: int
) -> DataFrame:
    """The mirror's rows that put the differences right, as of ``at``; what the source did not hold is a tombstone."""
    images = differences.select("key", "old_day").join(held.select("key", "image"), on="key", how="left")
    placed = with_day(images, pipeline, source)
    version = (f"{instant(at)} AS version_at", "0 AS version_kind", "'' AS version_sequence")
    day = "if(image IS NULL, old_day, new_day) AS day"
    return placed.selectExpr(
        "key", "image", *version, day, f"CAST({run} AS BIGINT) AS run", "old_day", f"'{REPAIRED}' AS origin"
    )


def _digest(image: str) -> str:
    """An image by its content: members in one order, those of sets too, escapes and spaces as they may."""
    text = f"coalesce(to_json(try_parse_json({image})), {image})"
    may_have_sets = " OR ".join(f"contains({image}, {literal(tag)})" for tag in _SETS)
    return f"sha2(CASE WHEN {may_have_sets} THEN {_with_ordered_sets(text)} ELSE {text} END, 256)"


def _with_ordered_sets(text: str) -> str:
    """Compact JSON with the members of every set sorted: the strings that stand first behind a set's opening."""
    members = f"regexp_extract(part, {literal(f'^(?:{_STRING},?)*+')}, 0)"
    ordered = f"array_join(array_sort(regexp_extract_all({members}, {literal(f'({_STRING})')}, 1)), ',')"
    parts = f"split({text}, {literal(_BEHIND_A_SET)})"
    return f"array_join(transform({parts}, part -> {ordered} || substr(part, length({members}) + 1)), '')"
