"""How Spark runs a merge: a small batch costs what planning costs, a large one what its rows cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession

_SMALL_BATCH_BYTES = 16 << 20
_SMALL_TABLE_ROWS = 500_000
_INTERPRETED_BATCH_BYTES = 1 << 20

# Few rows: no generated code (compiling it takes seconds), no plan that is made again after each stage.
_SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.subexpressionElimination.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
}
# Plans of a merge are long: their text, made for every query's event, is of no use to anybody.
_ALWAYS = {
    "spark.sql.maxPlanStringLength": "1000",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
}


def is_small_batch(stored_bytes: int) -> bool:
    """Whether a batch's files (gzip bytes) are so few that its rows are no matter."""
    return stored_bytes <= _SMALL_BATCH_BYTES


@contextmanager
def tuned(spark: SparkSession, *, stored_bytes: int, table_rows: int) -> Iterator[None]:
    """Set what suits the batch (gzip bytes of its files), and set it back afterwards."""
    is_interpreted = stored_bytes <= _INTERPRETED_BATCH_BYTES and table_rows <= _SMALL_TABLE_ROWS
    settings = {**_ALWAYS, **(_SMALL if is_interpreted else {})}
    before = {name: str(spark.conf.get(name)) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def kept(frame: DataFrame, *, is_small: bool) -> DataFrame:
    """The frame, computed once, at its first use.

    A small one is cut from its plan too (``localCheckpoint``): whatever is built on it is planned as if it were a table.
    """
    return frame.localCheckpoint(eager=False) if is_small else frame.persist()
