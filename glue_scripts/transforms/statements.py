"""Lines of change files to statements, and statements to the newest one of each key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

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


def read_lines(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read gzip JSON lines with an explicit schema. Each member is kept exactly as it is written in the file."""
    lines = spark.read.schema(LINE_SCHEMA).options(**LINE_OPTIONS).json(paths)
    return lines.withColumn("file", F.col("_metadata.file_path"))


def build_statements(lines: DataFrame, key: tuple[KeyAttribute, ...], line_format: LineFormat) -> DataFrame:
    """Lines to ``file``, ``key``, ``image`` (null: deletion), the three parts of the version, and ``problem``
    (null, or what is wrong with the line).
    """
    image = F.col("Item") if line_format.is_full else F.col("NewImage")
    attributes = F.col("Item") if line_format.is_full else F.col("Keys")
    fields = ", ".join(f"`{attribute.name}` STRING" for attribute in key)
    frame = lines.withColumn("keys", F.from_json(attributes, fields)).withColumns(_versions(line_format))
    parts = [_key_part(F.col("keys")[attribute.name], attribute) for attribute in key]
    text = F.concat(F.lit("["), F.concat_ws(",", *parts), F.lit("]"))
    frame = frame.withColumn("key", F.when(_all_present(parts), text))
    return frame.select("file", "key", image.alias("image"), *VERSION, _problem(image, line_format).alias("problem"))


def reduce_statements(statements: DataFrame, floor: datetime | None) -> DataFrame:
    """One row per key: its statement with the greatest version, of those not older than the floor.

    Result: ``key``, the version's parts and ``image`` (version null where all were older than the floor),
    ``statements`` (how many there were, old ones too) and ``problem`` (one of a key's problems; lines without a key
    share a row).
    """
    said = F.struct(*VERSION, "image")
    if floor is not None:
        said = F.when(F.col("version_at") >= instant(floor), said)
    grouped = statements.groupBy("key").agg(
        F.max(said).alias("newest"), F.count("*").alias("statements"), F.max("problem").alias("problem")
    )
    newest = [F.col(f"newest.{name}").alias(name) for name in (*VERSION, "image")]
    return grouped.select("key", *newest, "statements", "problem")


def count_by_file(statements: DataFrame) -> DataFrame:
    """``file``, ``lines`` and one ``problem``: for naming the file in an error."""
    return statements.groupBy("file").agg(F.count("*").alias("lines"), F.max("problem").alias("problem"))


def instant(at: datetime) -> Column:
    """A UTC instant as the lake's zone-less timestamp."""
    return F.lit(at.strftime("%Y-%m-%d %H:%M:%S")).cast("timestamp_ntz")


def _all_present(parts: list[Column]) -> Column:
    present = F.lit(True)
    for part in parts:
        present &= part.isNotNull()
    return present


def _key_part(raw: Column, attribute: KeyAttribute) -> Column:
    return F.when(tagged_text(raw, [attribute.type]).isNotNull(), canonical(raw))


def _versions(line_format: LineFormat) -> dict[str, Column]:
    if line_format.at is not None:
        return dict(zip(VERSION, (instant(line_format.at), F.lit(0), F.lit("")), strict=True))
    second = F.from_json("Metadata", "ApproximateCreationSecond STRING")["ApproximateCreationSecond"]
    bare = F.coalesce(F.get_json_object(second, "$.N"), second)
    whole = F.when(F.rlike(bare, F.lit("^[0-9]{1,11}(?!.)")), bare).try_cast("bigint")
    number = F.col("SequenceNumber")
    sequence = F.when(F.rlike(number, F.lit(f"^[0-9]{{1,{SEQUENCE_DIGITS}}}(?!.)")), number)
    at = F.timestamp_seconds(whole).cast("timestamp_ntz")
    return dict(zip(VERSION, (at, F.lit(1), F.lpad(sequence, SEQUENCE_DIGITS, "0")), strict=True))


def _problem(image: Column, line_format: LineFormat) -> Column:
    is_object = F.startswith(image, F.lit("{"))
    required = F.coalesce(is_object, F.lit(not line_format.is_full))
    return (
        F.when(F.col("`line:broken`").isNotNull(), F.lit(PROBLEM_JSON))
        .when(~required, F.lit(PROBLEM_IMAGE))
        .when(F.col("key").isNull(), F.lit(PROBLEM_KEY))
        .when(F.col("version_at").isNull() | F.col("version_sequence").isNull(), F.lit(PROBLEM_SEQUENCE))
    )
