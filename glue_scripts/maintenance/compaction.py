"""Compaction: the many small files of a day's merges become few."""

from __future__ import annotations

from collections.abc import Mapping

from glue_scripts.commits.tables import LakeTable

_OPTIONS = {
    "min-input-files": "5",
    "delete-file-threshold": "1",
    "max-concurrent-file-group-rewrites": "2",
}


def compact(table: LakeTable, marks: Mapping[str, str]) -> None:
    """Rewrite a partition's small files as few, in the table's order, in one commit that carries the marks.

    No row changes. A table whose files are few enough stays as it is.
    """
    java = table.java
    actions = table.spark._jvm.org.apache.iceberg.spark.actions.SparkActions  # type: ignore[union-attr]
    rewrite = actions.get(table.spark._jsparkSession).rewriteDataFiles(java)  # type: ignore[attr-defined]
    rewrite = rewrite.binPack() if java.sortOrder().isUnsorted() else rewrite.sort()
    for name, value in _OPTIONS.items():
        rewrite = rewrite.option(name, value)
    for name, value in marks.items():
        rewrite = rewrite.snapshotProperty(name, value)
    rewrite.execute()
