"""The mirrors against full exports at one instant: differences into the bucket, and the repair."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, islice

from pyspark.sql import DataFrame, Row

from glue_scripts.commits.rows import commit_mirror
from glue_scripts.commits.tables import format_floor
from glue_scripts.merging.context import Merge
from glue_scripts.merging.mirrors import MirrorOutcome, find_unread
from glue_scripts.storage.change_files import FileSize, require_read_whole
from glue_scripts.storage.objects import ObjectStore
from glue_scripts.transforms.comparison import (
    DIFFERENT,
    EXTRA,
    MISSING,
    NEWER,
    compare,
    count_kinds,
    differing,
    repaired_rows,
)
from glue_scripts.transforms.statements import LineFormat, build_statements, read_lines, reduce_statements
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.names import differences_prefix
from include.dynamo_lake.reports import DifferenceCounts, ReconcileReport
from include.dynamo_lake.windows import format_instant

EXAMPLES = 20
_LINES_PER_OBJECT = 100_000


@dataclass(frozen=True)
class _Compared:
    source: Source
    at: datetime
    held: DataFrame
    counts: DifferenceCounts
    differences: DataFrame


def reconcile(
    merge: Merge, store: ObjectStore, sizes: Mapping[str, FileSize], mirrors: dict[str, MirrorOutcome]
) -> ReconcileReport | None:
    """Compare every mirror with its source as of the manifest's ``compared`` exports, and repair it where the batch says so.

    Outcomes of repaired mirrors are replaced in ``mirrors``. None where the batch compares nothing.
    """
    if not merge.manifest.compared:
        return None
    at = merge.manifest.compared[0].item.end
    counts: dict[str, DifferenceCounts] = {}
    examples: list[Mapping[str, str]] = []
    for source in merge.lake.pipeline.sources:
        with merge.progress.phase(f"compare {source.id}"):
            compared = _compare(merge, store, source, sizes)
            counts[source.id] = compared.counts
            examples += _write_differences(merge, store, compared)
        if merge.manifest.repairs:
            with merge.progress.phase(f"repair {source.id}"):
                mirrors[source.id] = _repair(merge, compared, mirrors[source.id])
    prefix = differences_prefix(merge.manifest.batch_id)
    return ReconcileReport(format_instant(at), merge.manifest.repairs, counts, tuple(examples[:EXAMPLES]), prefix)


def _compare(merge: Merge, store: ObjectStore, source: Source, sizes: Mapping[str, FileSize]) -> _Compared:
    export = next((one for one in merge.manifest.compared if one.source == source.id), None)
    if export is None:
        raise ChangeFileError(
            f"Batch {merge.manifest.batch_id} compares the mirrors with full exports, but has none of source {source.id}: "
            "build the batch again once every source is exported"
        )
    at = export.item.end
    own = {file.key: sizes[file.key] for file in export.files}
    lines = read_lines(merge.lake.spark, [store.uri(key) for key in own]) if own else None
    mirror = merge.lake.mirror(source.id)
    floor = mirror.marks().floor
    statements = _no_statements(merge) if lines is None else build_statements(lines, source.key, LineFormat(True, at))
    held = reduce_statements(statements, None)
    compared = compare(mirror.read(), held, at, is_old=floor is not None and at < floor)
    rows = count_kinds(compared).collect()
    read = sum(row["statements"] or 0 for row in rows)
    has_problem = any(row["problem"] for row in rows)
    require_read_whole(find_unread(store, statements, own, read, has_problem=has_problem))
    counts = _counts({row["kind"]: row["keys"] for row in rows})
    return _Compared(source, at, held, counts, merge.keep(differing(compared)))


def _no_statements(merge: Merge) -> DataFrame:
    """What an export of an empty table says."""
    schema = (
        "file STRING, key STRING, image STRING, version_at TIMESTAMP_NTZ, version_kind INT, version_sequence STRING"
    )
    return merge.lake.spark.createDataFrame([], f"{schema}, problem STRING")


def _counts(keys: Mapping[str | None, int]) -> DifferenceCounts:
    newer = keys.get(NEWER, 0)
    compared = sum(count for kind, count in keys.items() if kind is not None) - newer
    return DifferenceCounts(compared, newer, *(keys.get(kind, 0) for kind in (MISSING, EXTRA, DIFFERENT)))


def _write_differences(merge: Merge, store: ObjectStore, compared: _Compared) -> list[Mapping[str, str]]:
    """Write all differences in order of their keys, as JSON lines; return the first ones."""
    if not compared.counts.total:
        return []
    source = compared.source.id
    prefix = f"{differences_prefix(merge.manifest.batch_id)}{source}/"
    first: list[Mapping[str, str]] = []
    rows: Iterator[Row] = compared.differences.orderBy("key").toLocalIterator()
    for number in count():
        some = list(islice(rows, _LINES_PER_OBJECT))
        if not some:
            break
        first = first or [{"source": source, "key": row["key"], "kind": row["kind"]} for row in some[:EXAMPLES]]
        lines = "".join(json.dumps(_line(source, row), ensure_ascii=False) + "\n" for row in some)
        store.write(f"{prefix}{number:05}.jsonl", lines.encode())
    return first


def _line(source: str, row: Row) -> dict[str, object]:
    at = row["version_at"]
    version = (
        None
        if at is None
        else {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "kind": row["version_kind"], "sequence": row["version_sequence"]}
    )
    return {"source": source, "key": row["key"], "kind": row["kind"], "mirror_version": version}


def _repair(merge: Merge, compared: _Compared, outcome: MirrorOutcome) -> MirrorOutcome:
    """One commit, rows and floor; where nothing differs the floor alone rises."""
    mirror, before = merge.lake.mirror(compared.source.id), merge.lake.mirror(compared.source.id).marks().floor
    floor = compared.at if before is None else max(compared.at, before)
    merge.before_commit(f"repair:{compared.source.id}")
    if not compared.counts.total:
        if floor != before:
            mirror.commit_marks({**merge.marks, **format_floor(floor)})
        return outcome
    rows = repaired_rows(
        compared.differences, compared.held, merge.lake.pipeline, compared.source, compared.at, merge.run
    )
    rows = merge.keep(rows)
    days = {day for row in rows.select("old_day", "day").distinct().collect() for day in (row["old_day"], row["day"])}
    commit_mirror(mirror, rows, days, {**merge.marks, **format_floor(floor)}, is_empty=mirror.row_count() == 0)
    return replace(outcome, changed=outcome.changed + compared.counts.total, floor=floor, is_repaired=True)
