"""One merge from its manifest to its report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from glue_scripts.commits.schemas import create_mirror, create_quarantine, create_target
from glue_scripts.maintenance.maintain import maintain_if_due
from glue_scripts.merging.context import Lake, Merge, Progress
from glue_scripts.merging.derivation import TypedSource, type_sources
from glue_scripts.merging.mirrors import MirrorOutcome, merge_mirrors
from glue_scripts.merging.quarantine import QuarantineOutcome, merge_quarantine
from glue_scripts.merging.reconcile import reconcile
from glue_scripts.merging.target import TargetOutcome, merge_target
from glue_scripts.merging.tuning import is_small_batch, tuned
from glue_scripts.storage.change_files import FileSize
from glue_scripts.storage.objects import ObjectStore
from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.errors import ContractError
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.reports import (
    QuarantineCounts,
    ReconcileReport,
    RowCounts,
    RunReport,
    SourceQuarantine,
    StatementCounts,
)
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.windows import Window, format_instant


@dataclass(frozen=True)
class _Elapsed:
    """AWS's present, known at one moment, carried on by the time that has passed since."""

    since: datetime
    counter: float

    def now(self) -> datetime:
        return self.since + timedelta(seconds=time.monotonic() - self.counter)


_NOTHING = TargetOutcome(RowCounts(0, 0, 0), (), 0, 0)


def require_filled_mirrors(lake: Lake, manifest: BatchManifest) -> None:
    """Raise ``ContractError`` where windows alone would fill a source's mirror: the bootstrap came before the source."""
    if manifest.covered_through is None or any(isinstance(item, FullExport) for item in manifest.items):
        return
    mirrors = {source.id: lake.mirror(source.id) for source in lake.pipeline.sources}
    unfilled = [source for source, mirror in mirrors.items() if not mirror.exists() or mirror.marks().floor is None]
    if unfilled:
        raise ContractError(
            f"No full export ever filled the mirror of source {', '.join(unfilled)}: the items that its table has already would be "
            f"missing. Nothing was written: run {lake.pipeline.name}_bootstrap, or declare the sources as they were"
        )


def run_merge(
    lake: Lake,
    manifest: BatchManifest,
    store: ObjectStore,
    sizes: Mapping[str, FileSize],
    *,
    progress: Progress,
    started: datetime | None = None,
    job_run_id: str = "",
    wait_for_crawler: Callable[[], None] = lambda: None,
    before_commit: Callable[[str], None] = lambda step: None,
) -> RunReport:
    """Apply one batch: mirrors, then quarantine, then the target, each one commit; then maintain the tables if it is time.

    ``sizes``: of the change files, already checked. ``started``: AWS's present when the job began (None: when the batch
    was built); the report's times count from there. ``before_commit`` is called with the step's name before each
    commit. Whoever applies the batch again, or another one, after a crash at any point ends in the same tables.
    """
    elapsed = _Elapsed(started or manifest.now, time.monotonic())
    with progress.phase("tables"):
        _create_tables(lake)
        before = {name: table.snapshot_id() for name, table in lake.tables.items()}
        stored_bytes = sum(size.bytes for size in sizes.values())
        is_small = is_small_batch(stored_bytes)
        merge = _number(lake, manifest, progress, before_commit, is_small=is_small)
        table_rows = max(table.row_count() for table in lake.tables.values())
    typed: dict[str, TypedSource] = {}
    quarantine, target = QuarantineOutcome(0, 0, {}), _NOTHING
    with tuned(lake.spark, stored_bytes=stored_bytes, table_rows=table_rows), _released(lake):
        mirrors, unread = merge_mirrors(merge, store, sizes)
        reconciled = reconcile(merge, store, sizes, mirrors)
        if _is_dirty(merge):
            with progress.phase("type"):
                typed = type_sources(merge)
        with progress.phase("quarantine"):
            quarantine = merge_quarantine(merge, typed)
        if typed:
            with progress.phase("target"):
                target = merge_target(merge, typed, mirrors, wait_for_crawler)
    maintain_if_due(merge, store, wait_for_crawler)
    with progress.phase("report"):
        report = _report(merge, mirrors, reconciled, typed, quarantine, target, before, elapsed, job_run_id)
        return replace(report, set_aside=unread)


def _create_tables(lake: Lake) -> None:
    for source in lake.pipeline.sources:
        create_mirror(lake.mirror(source.id))
    create_quarantine(lake.quarantine)
    create_target(lake.target, lake.pipeline)


def _number(
    lake: Lake, manifest: BatchManifest, progress: Progress, before_commit: Callable[[str], None], *, is_small: bool
) -> Merge:
    """The merge's number counts from every mark, so that rows which a crash left dirty stay above what is derived."""
    derived_through = lake.target.marks().derived_through
    marks = [lake.mirror(source.id).marks() for source in lake.pipeline.sources]
    run = 1 + max(derived_through, *(mark.run for mark in marks))
    # A target that was made from another main source is made anew: what it has is in no mirror of this declaration.
    is_foreign = derived_through > 0 and lake.mirror(lake.pipeline.main.id).marks().run == 0
    is_rebuild = manifest.rebuilds or is_foreign or any(mark.rebuild > derived_through for mark in marks)
    last = Maintenance.from_properties(lake.target.properties())
    return Merge(lake, manifest, run, derived_through, progress, is_small, is_rebuild, last, before_commit)


def _is_dirty(merge: Merge) -> bool:
    """Whether any mirror has a commit that the target was not derived from."""
    sources = merge.lake.pipeline.sources
    return merge.is_rebuild or any(merge.lake.mirror(s.id).marks().run > merge.derived_through for s in sources)


@contextmanager
def _released(lake: Lake) -> Iterator[None]:
    """Whatever was cached is released at the end."""
    try:
        yield
    finally:
        lake.spark.catalog.clearCache()


def _report(
    merge: Merge,
    mirrors: Mapping[str, MirrorOutcome],
    reconciled: ReconcileReport | None,
    typed: Mapping[str, TypedSource],
    quarantine: QuarantineOutcome,
    target: TargetOutcome,
    before: Mapping[str, int],
    elapsed: _Elapsed,
    job_run_id: str,
) -> RunReport:
    lake, manifest = merge.lake, merge.manifest
    main_counts = typed[lake.pipeline.main.id].counts if typed else {}
    tables = lake.tables
    return RunReport(
        batch_id=manifest.batch_id,
        pipeline=lake.pipeline.name,
        job_run_id=job_run_id,
        run=merge.run,
        started_at=format_instant(elapsed.since),
        finished_at=format_instant(elapsed.now()),
        windows=tuple(
            {"start": format_instant(window.start), "end": format_instant(window.end)}
            for window in (*manifest.items, *manifest.replayed)
            if isinstance(window, Window)
        ),
        full_export_at=next((format_instant(i.at) for i in manifest.items if isinstance(i, FullExport)), None),
        statements={s: _statements(one, typed.get(s)) for s, one in mirrors.items()},
        rows=target.rows,
        items={
            "affected": main_counts.get("dirty", 0) + target.looked_up_items,
            "without_rows": main_counts.get("without_rows", 0),
        },
        quarantine=_quarantine(merge, quarantine),
        nulled_fields=target.nulled,
        repeated_lookup_entries=target.repeated,
        tables={name: table.state(since=before[name]) for name, table in tables.items()},
        derived_through=lake.target.marks().derived_through,
        days=tuple(day.isoformat() for day in target.days),
        rows_total=lake.target.row_count(),
        bytes_written=sum(table.bytes_added(since=before[name]) for name, table in tables.items()),
        peak_memory_bytes=_peak_memory(lake),
        phases=tuple(merge.progress.phases),
        rebuilt=merge.is_rebuild,
        reconciled=reconciled,
    )


def _statements(mirror: MirrorOutcome, typed: TypedSource | None) -> StatementCounts:
    # Rows that a repair wrote are of this run too, but are none of the batch's statements.
    quarantined = min(typed.counts.get("rejected_now", 0), mirror.newest) if typed else 0
    return StatementCounts(
        read=mirror.read,
        applied=mirror.newest - quarantined,
        stale=mirror.stated - mirror.newest,
        quarantined=quarantined,
        files=mirror.files,
        bytes=mirror.bytes,
    )


def _quarantine(merge: Merge, outcome: QuarantineOutcome) -> QuarantineCounts:
    reasons: dict[str, int] = {}
    items: dict[str, int] = {}
    for (source, reason), count in outcome.by_reason.items():
        reasons[reason] = reasons.get(reason, 0) + count
        items[source] = items.get(source, 0) + count
    declared = [source.id for source in merge.lake.pipeline.sources if source.id in items]
    sources = {source: SourceQuarantine(items[source], _live_items(merge, source)) for source in declared}
    main = sources.get(merge.lake.pipeline.main.id, SourceQuarantine(0, 0))
    return QuarantineCounts(sum(items.values()), outcome.entered, outcome.left, main.share, reasons, sources)


def _live_items(merge: Merge, source: str) -> int:
    # COUNT of a column is answered from the files' statistics.
    counted = merge.lake.mirror(source).read().selectExpr("count(image) AS live").first()
    return int(counted["live"]) if counted else 0


def _peak_memory(lake: Lake) -> int:
    """Peak resident bytes of driver and JVM (locally that is everything), where /proc tells."""
    java = lake.spark._jvm.java.lang.ProcessHandle.current().pid()  # type: ignore[union-attr]
    return sum(_peak_of(pid) for pid in (os.getpid(), int(java)))


def _peak_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return 0
    peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(peak.split()[1]) * 1024
