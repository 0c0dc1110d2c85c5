"""A small job that touches what merge jobs touch: JSON from S3, an Iceberg table, INSERT, MERGE, snapshots."""

from __future__ import annotations

from pyspark.sql import SparkSession

TABLE = "glue_catalog.warm_up.items"
MERGE = """
    MERGE INTO glue_catalog.warm_up.items t
    USING (SELECT k, 'y' s, at, d FROM items WHERE k < '3') n ON t.k = n.k
    WHEN MATCHED AND t.s <> n.s THEN UPDATE SET *
    WHEN NOT MATCHED THEN INSERT *
"""


def run(spark: SparkSession) -> None:
    """Write a few rows twice and read them back."""
    spark.range(100).selectExpr("cast(id as string) k", "named_struct('S', 'x') v").write.mode("overwrite").option(
        "compression", "gzip"
    ).json("s3://warm-up/items/")
    items = spark.read.schema("k string, v struct<S: string>").json("s3://warm-up/items/")
    items.selectExpr(
        "k", "v.S s", "timestamp_ntz'2026-01-01 00:00:00' at", "cast(1.5 as decimal(18,6)) d"
    ).createOrReplaceTempView("items")
    spark.sql(
        f"CREATE TABLE {TABLE} (k string, s string, at timestamp_ntz, d decimal(18,6)) USING iceberg "
        "PARTITIONED BY (days(at)) LOCATION 's3://warm-up/warehouse/items' TBLPROPERTIES ('format-version' = '2')"
    )
    spark.table("items").writeTo(TABLE).append()
    spark.sql(MERGE)
    spark.table(TABLE).groupBy("s").count().orderBy("s").collect()
    spark.table(f"{TABLE}.snapshots").collect()


if __name__ == "__main__":
    run(SparkSession.builder.getOrCreate())
