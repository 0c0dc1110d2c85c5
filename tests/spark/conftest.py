"""One Spark session for all tests of this folder, with Iceberg tables in a folder instead of the Glue catalog."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.declaration import Pipeline, read_declaration
from include.laptop import paths
from tests.histories.story import DAY_3, full
from tests.spark.engine import SparkEngine

if TYPE_CHECKING:
    from tests.spark.story import SparkStory

CATALOG = "glue_catalog"
FUSED = "spark.sql.codegen.wholeStage"
_numbers = count(1)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    if paths.JAVA_HOME_LINK.exists():
        os.environ["JAVA_HOME"] = str(paths.JAVA_HOME_LINK)
    settings = {
        "spark.jars": str(next(paths.JARS.glob("iceberg-spark-runtime-*.jar"))),
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
        f"spark.sql.catalog.{CATALOG}.type": "hadoop",
        f"spark.sql.catalog.{CATALOG}.warehouse": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        # Small merges set this themselves, as deployed. What tests ask of tables beside them is a handful of rows: to compile code
        # for it would take longer than the rows. Where a test types values without a merge, `fused` has the code of a large one.
        FUSED: "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def fused(spark: SparkSession) -> Iterator[None]:
    """Spark makes one piece of code of each stage, as a large batch has it in Glue."""
    spark.conf.set(FUSED, "true")
    yield
    spark.conf.set(FUSED, "false")


def new_engine(spark: SparkSession, pipeline: Pipeline, folder: Path) -> SparkEngine:
    """An empty lake of its own."""
    number = next(_numbers)
    return SparkEngine(spark, pipeline, folder / f"bucket-{number}", f"{CATALOG}.lake_{number}")


@pytest.fixture
def story(spark: SparkSession, tmp_path: Path) -> SparkStory:
    """Two items on days of their own, merged."""
    from tests.spark.story import SparkStory

    story = SparkStory(spark, read_declaration("campaign"), tmp_path)
    story.put(1)
    story.put(2, DAY_3, item=1)
    story.merge(full(5))
    return story
