"""Lines of change files to statements, and statements to the newest one of each key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from glue_scripts.transforms.expressions import literal, quoted, with_columns
from glue_scripts.transforms.raw_values import canonical, tagged_text
from include.dynamo_lake.declaration.model import KeyAttribute
from include.dynamo_lake.versions import SEQUENCE_DIGITS

LINE_SCHEMA = "Item STRING, Keys STRING, NewImage STRING, SequenceNumber STRING, Metadata STRING, `line:broken` STRING"
LINE_OPTIONS = {
    "columnNameOfCorruptRecord": "line:broken",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
VERSION = ("version_at", "version_kind", "version_sequence")
PROBLEM_JSON = "a line that is not a JSON object"
PROBLEM_IMAGE = "a line without an image object"
PROBLEM_KEY = "a line whose key is missing or of another type than declared"
PROBLEM_SEQUENCE = "a line without SequenceNumber or Metadata.ApproximateCreationSecond"


@dataclass(frozen=True)
class LineFormat:
    """How one export's or the inbox's lines are read: ``at`` is the version's instant, None for stream records."""

    is_full: bool
    at: datetime | None


def instant(at: datetime) -> str:
    """A UTC instant as the lake's zone-less timestamp."""
    return f"TIMESTAMP_NTZ'{at:%Y-%m-%d %H:%M:%S}'"


def read_lines(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read gzip JSON lines with an explicit schema. Each member is kept exactly as it is written in the file."""
    lines = spark.read.schema(LINE_SCHEMA).options(**LINE_OPTIONS).json(paths)
    return lines.selectExpr("*", "_metadata.file_path AS file")


def build_statements(lines: DataFrame, key: tuple[KeyAttribute, ...], line_format: LineFormat) -> DataFrame:
    """Lines to ``file``, ``key``, ``image`` (null: deletion), the three parts of the version, and ``problem``
    (null, or what is wrong with the line).
    """
    fields = literal(", ".join(f"{quoted(attribute.name)} STRING" for attribute in key))
    attributes = "Item" if line_format.is_full else "Keys"
    parts = [f"keys_read.{quoted(attribute.name)}" for attribute in key]
    is_whole = " AND ".join(
        f"({tagged_text(part, [attribute.type])}) IS NOT NULL" for part, attribute in zip(parts, key, strict=True)
    )
    text = " || ',' || ".join(f"({canonical(part)})" for part in parts)
    added = {
        "keys_read": f"from_json({attributes}, {fields})",
        "key": f"CASE WHEN {is_whole} THEN '[' || {text} || ']' END",
        "image": "Item" if line_format.is_full else "NewImage",
        **_versions(line_format),
    }
    frame = with_columns(with_columns(lines, added), {"problem": _problem(line_format)})
    return frame.select("file", "key", "image", *VERSION, "problem")


def reduce_statements(statements: DataFrame, floor: datetime | None) -> DataFrame:
    """One row per key: its statement with the greatest version, of those not older than the floor.

    Result: ``key``, the version's parts and ``image`` (version null where all were older than the floor),
    ``statements`` (how many there were, old ones too) and ``problem`` (one of a key's problems; lines without a key
    share a row).
    """
    is_heard = f"version_at >= {instant(floor)}" if floor is not None else "true"
    said = f"CASE WHEN {is_heard} THEN struct({', '.join(VERSION)}, image) END"
    return (
        statements
        .selectExpr("key", f"{said} AS said", "problem")
        .groupBy("key")
        .agg({"said": "max", "*": "count", "problem": "max"})
        .selectExpr(
            "key",
            *(f"`max(said)`.{name} AS {name}" for name in (*VERSION, "image")),
            "`count(1)` AS statements",
            "`max(problem)` AS problem",
        )
    )


def count_by_file(statements: DataFrame) -> DataFrame:
    """``file``, ``lines`` and one ``problem``: for naming the file in an error."""
    counted = statements.groupBy("file").agg({"*": "count", "problem": "max"})
    return counted.selectExpr("file", "`count(1)` AS lines", "`max(problem)` AS problem")


def _versions(line_format: LineFormat) -> dict[str, str]:
    if line_format.at is not None:
        return dict(zip(VERSION, (instant(line_format.at), "0", "''"), strict=True))
    second = "from_json(Metadata, 'ApproximateCreationSecond STRING').ApproximateCreationSecond"
    bare = f"coalesce(get_json_object({second}, '$.N'), {second})"
    whole = f"try_cast(CASE WHEN rlike({bare}, '^[0-9]{{1,11}}(?!.)') THEN {bare} END AS BIGINT)"
    is_number = f"rlike(SequenceNumber, '^[0-9]{{1,{SEQUENCE_DIGITS}}}(?!.)')"
    sequence = f"CASE WHEN {is_number} THEN lpad(SequenceNumber, {SEQUENCE_DIGITS}, '0') END"
    return dict(zip(VERSION, (f"CAST(timestamp_seconds({whole}) AS TIMESTAMP_NTZ)", "1", sequence), strict=True))


def _problem(line_format: LineFormat) -> str:
    return (
        f"CASE WHEN `line:broken` IS NOT NULL THEN {literal(PROBLEM_JSON)} "
        f"WHEN NOT coalesce(startswith(image, '{{'), {str(not line_format.is_full).lower()}) THEN {literal(PROBLEM_IMAGE)} "
        f"WHEN key IS NULL THEN {literal(PROBLEM_KEY)} "
        f"WHEN version_at IS NULL OR version_sequence IS NULL THEN {literal(PROBLEM_SEQUENCE)} END"
    )
