"""Glue job, the baseline: what the replaced job did. Read both tables whole, explode, join, overwrite the output.

Arguments: ``--main`` and ``--lookup`` (folders of export files), ``--output`` (a folder), ``--report`` (an object).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import boto3
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as everywhere in Spark

_ENTRY = (
    "STRUCT<M: STRUCT<taskID: STRUCT<S: STRING>, userCampaignTaskProgressState: STRUCT<S: STRING>, "
    "rewardEarned: STRUCT<N: STRING>, validatedAt: STRUCT<S: STRING>, validationFailureReason: STRUCT<S: STRING>>>"
)
MAIN_SCHEMA = (
    "Item STRUCT<userID: STRUCT<S: STRING>, campaignID: STRUCT<S: STRING>, createdAt: STRUCT<S: STRING>, "
    "updatedAt: STRUCT<N: STRING>, totalTaskRewardsEarned: STRUCT<N: STRING>, "
    f"userCampaignProgressState: STRUCT<S: STRING>, progressDetails: STRUCT<L: ARRAY<{_ENTRY}>>>"
)
LOOKUP_SCHEMA = (
    "Item STRUCT<campaignID: STRUCT<S: STRING>, campaignTasks: STRUCT<L: ARRAY<STRUCT<M: STRUCT<"
    "taskID: STRUCT<S: STRING>, taskDeadline: STRUCT<S: STRING>>>>>>"
)


def main() -> None:
    """Time one reload; the report holds seconds with and without Spark's start, rows, and the peak of memory."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--main", "--lookup", "--output", "--report"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_known_args()[0]
    spark = SparkSession.builder.appName("bench-reload").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    started = time.monotonic()
    rows = reload_rows(spark, arguments.main, arguments.lookup)
    # One file a day, as a table partitioned by day wants it: 8 tasks with 365 open files each need twice the memory.
    rows.repartition("day").write.mode("overwrite").partitionBy("day").parquet(arguments.output)
    report = {"work_s": time.monotonic() - started, "peak_memory_bytes": _peak_memory(spark)}
    bucket, _, key = arguments.report.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(report).encode())


def reload_rows(spark: SparkSession, main: str, lookup: str) -> DataFrame:
    """Every row of the output, from both tables whole."""
    items = spark.read.schema(MAIN_SCHEMA).json(main).select("Item.*")
    deadlines = (
        spark.read
        .schema(LOOKUP_SCHEMA)
        .json(lookup)
        .select(F.col("Item.campaignID.S").alias("campaign_id"), F.explode("Item.campaignTasks.L.M").alias("task"))
        .select(
            "campaign_id",
            F.col("task.taskID.S").alias("task_id"),
            _instant("task.taskDeadline.S").alias("task_deadline"),
        )
    )
    entries = items.select("*", F.posexplode("progressDetails.L.M").alias("position", "entry"))
    flat = entries.select(
        F.col("userID.S").alias("user_id"),
        F.col("campaignID.S").alias("campaign_id"),
        _instant("createdAt.S").alias("created_at"),
        F.timestamp_seconds(F.col("updatedAt.N").cast("bigint")).alias("updated_at"),
        F.col("userCampaignProgressState.S").alias("user_campaign_progress_state"),
        F.col("totalTaskRewardsEarned.N").cast("decimal(18,6)").alias("total_task_rewards_earned"),
        "position",
        F.col("entry.taskID.S").alias("task_id"),
        F.col("entry.userCampaignTaskProgressState.S").alias("user_campaign_task_progress_state"),
        F.col("entry.rewardEarned.N").cast("decimal(18,6)").alias("reward_earned"),
        _instant("entry.validatedAt.S").alias("validated_at"),
        F.col("entry.validationFailureReason.S").alias("validation_failure_reason"),
    )
    joined = flat.join(F.broadcast(deadlines), on=["campaign_id", "task_id"], how="left")
    return joined.withColumn("day", F.to_date("created_at"))


def _instant(path: str) -> Column:
    return F.col(path).cast("timestamp")


def _peak_memory(spark: SparkSession) -> int:
    java = int(spark._jvm.java.lang.ProcessHandle.current().pid())  # type: ignore[union-attr]
    lines = [line for pid in (os.getpid(), java) for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
