"""The whole merge: mirrors, quarantine, target last; each step one commit, and a crash before any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.errors import TransientError
from include.dynamo_lake.reference.derivation import (
    LookupTable,
    build_lookup,
    build_rows,
    item_match_of,
    match_of,
    type_main_image,
    typed_lookup_keys,
)
from include.dynamo_lake.reference.lake import Batch, Lake, Mirror, QuarantineRow, Row, SourceState, Target
from include.dynamo_lake.reference.mirrors import merge_mirror
from include.dynamo_lake.reference.reconciliation import Reconciliation, reconcile_mirror, repair_mirror
from include.dynamo_lake.reports import QuarantineCounts, RowCounts, StatementCounts
from include.dynamo_lake.typing_rules import Rejection, type_source_item

STEP_QUARANTINE = "quarantine"
STEP_TARGET = "target"


class MergeCrashedError(TransientError):
    """A merge was stopped before one of its commits, as a test asked for."""


@dataclass(frozen=True)
class MergeCounts:
    """What one merge did, as its run report says it."""

    run: int
    statements: Mapping[str, StatementCounts]
    rows: RowCounts
    items: Mapping[str, int]
    quarantine: QuarantineCounts
    nulled_fields: Mapping[str, int] = field(default_factory=dict)
    repeated_lookup_entries: int = 0
    reconciled: Mapping[str, Reconciliation] = field(default_factory=dict)


def merge_steps(pipeline: Pipeline, *, repairs: bool = False) -> tuple[str, ...]:
    """The commits of a merge in their order, as ``crash_before`` names them."""
    mirrors = [f"mirror:{source.id}" for source in pipeline.sources]
    repaired = [f"repair:{source.id}" for source in pipeline.sources] if repairs else []
    return (*mirrors, *repaired, STEP_QUARANTINE, STEP_TARGET)


def apply_batch(lake: Lake, batch: Batch, *, crash_before: str | None = None) -> MergeCounts:
    """Apply a batch to the lake. With ``crash_before`` raise ``MergeCrashedError`` before that step; earlier commits
    stay. A rebuild that an earlier crash stopped is done over, whatever the batch asks for.
    """
    run, derived_through = lake.next_run, lake.target.derived_through
    rebuilds = batch.rebuild or lake.is_rebuild_pending
    statements: dict[str, StatementCounts] = {}
    for source in lake.pipeline.sources:
        _crash(crash_before, f"mirror:{source.id}")
        merged = merge_mirror(
            lake.pipeline,
            source,
            lake.mirrors[source.id],
            batch,
            run=run,
            derived_through=derived_through,
            rebuilds=rebuilds,
        )
        lake.mirrors[source.id] = merged.mirror
        statements[source.id] = merged.counts
    reconciled = _reconcile(lake, batch.state, run, rebuilds, crash_before)
    dirty = _everything(lake) if rebuilds else _dirty(lake)
    counts = _derive(lake, dirty, run, batch.batch_id, statements, crash_before)
    return replace(counts, reconciled=reconciled)


def _reconcile(
    lake: Lake, state: SourceState | None, run: int, rebuilds: bool, crash_before: str | None
) -> dict[str, Reconciliation]:
    if state is None:
        return {}
    reconciled: dict[str, Reconciliation] = {}
    for source in lake.pipeline.sources:
        mirror = lake.mirrors[source.id]
        reconciled[source.id] = reconcile_mirror(source, mirror, state)
        if state.repair:
            _crash(crash_before, f"repair:{source.id}")
            found = reconciled[source.id]
            lake.mirrors[source.id] = repair_mirror(
                lake.pipeline, source, mirror, state, found, run=run, rebuilds=rebuilds
            )
    return reconciled


def _everything(lake: Lake) -> dict[str, set[str]]:
    everything = {source: set(mirror.rows) for source, mirror in lake.mirrors.items()}
    everything[lake.pipeline.target.source] |= set(lake.target.rows)
    return everything


def _dirty(lake: Lake) -> dict[str, set[str]]:
    return {source: dirty_keys(mirror, lake.target.derived_through) for source, mirror in lake.mirrors.items()}


def dirty_keys(mirror: Mirror, derived_through: int) -> set[str]:
    """The keys whose newest statement the target has not been derived from yet."""
    return {key for key, row in mirror.rows.items() if row.run > derived_through}


def present_images(mirror: Mirror) -> dict[str, str]:
    """The raw images of a mirror's present rows, by key text."""
    return {key: row.image for key, row in mirror.rows.items() if row.image is not None}


def _derive(
    lake: Lake,
    dirty: Mapping[str, set[str]],
    run: int,
    batch_id: str,
    statements: Mapping[str, StatementCounts],
    crash_before: str | None,
) -> MergeCounts:
    _crash(crash_before, STEP_QUARANTINE)
    before = lake.quarantine
    if any(dirty.values()):
        lake.quarantine = _quarantine(lake, dirty, run, batch_id)
    _crash(crash_before, STEP_TARGET)
    nulled: Counter[str] = Counter()
    lookup = _lookup(lake)
    dirty_lookups = dirty[lake.pipeline.lookup.source] if lake.pipeline.lookup else set()
    stated = dirty[lake.pipeline.target.source]
    affected = stated | _stale_lookups(lake, dirty_lookups, lookup)
    # What a lookup alone touches became null in an earlier run.
    replaced = {key: _item_rows(lake, key, lookup, nulled if key in stated else Counter()) for key in affected}
    rows = {key: rows for key, rows in {**lake.target.rows, **replaced}.items() if rows}
    counts = _count_rows(lake.target.rows, replaced)
    if any(dirty.values()) or lake.is_rebuild_pending:
        lake.target = Target(rows, run)
    main = lake.mirrors[lake.pipeline.target.source]
    without_rows = [key for key in affected if not replaced[key] and _is_typed(lake, main, key)]
    return MergeCounts(
        run=run,
        statements=statements,
        rows=counts,
        items={"affected": len(affected), "without_rows": len(without_rows)},
        quarantine=_count_quarantine(lake, before),
        nulled_fields={**nulled, **_nulled_lookups(lake, dirty_lookups)},
        repeated_lookup_entries=sum(lookup.repeated.get(key, 0) for key in dirty_lookups),
    )


def _quarantine(
    lake: Lake, dirty: Mapping[str, set[str]], run: int, batch_id: str
) -> dict[tuple[str, str], QuarantineRow]:
    kept = {(source, key): row for (source, key), row in lake.quarantine.items() if key not in dirty[source]}
    for source, keys in dirty.items():
        for key in keys:
            row = lake.mirrors[source].rows.get(key)
            typed = (
                type_source_item(lake.pipeline, source, parse_json(row.image))
                if row and row.image is not None
                else None
            )
            if row and isinstance(typed, Rejection):
                kept[source, key] = QuarantineRow(row.version, typed, batch_id, run)
    return kept


def _lookup(lake: Lake) -> LookupTable:
    if lake.pipeline.lookup is None:
        return LookupTable({}, {})
    return build_lookup(lake.pipeline, present_images(lake.mirrors[lake.pipeline.lookup.source]))


def _stale_lookups(lake: Lake, dirty_lookups: Iterable[str], lookup: LookupTable) -> set[str]:
    """Items that have a row of a changed lookup item whose looked-up values differ from the present ones."""
    changed = typed_lookup_keys(lake.pipeline, dirty_lookups)
    columns = [column.name for column in lake.pipeline.target.columns if column.origin == "lookup"]

    def is_stale(row: Row) -> bool:
        found = lookup.index.get(match_of(lake.pipeline, row), {})
        return any(row[name] != found.get(name) for name in columns)

    return {
        key
        for key, rows in lake.target.rows.items()
        if any(item_match_of(lake.pipeline, row) in changed and is_stale(row) for row in rows)
    }


def _item_rows(lake: Lake, key: str, lookup: LookupTable, nulled: Counter[str]) -> tuple[Row, ...]:
    row = lake.mirrors[lake.pipeline.target.source].rows.get(key)
    if row is None or row.image is None:
        return ()
    typed = type_main_image(lake.pipeline, row.image)
    if isinstance(typed, Rejection):
        return ()
    nulled.update(typed.nulled)
    return build_rows(lake.pipeline, typed, lookup.index)


def _is_typed(lake: Lake, main: Mirror, key: str) -> bool:
    row = main.rows.get(key)
    return row is not None and row.image is not None and (lake.pipeline.target.source, key) not in lake.quarantine


def _nulled_lookups(lake: Lake, keys: Iterable[str]) -> dict[str, int]:
    nulled: Counter[str] = Counter()
    for key in keys:
        row = lake.mirrors[lake.pipeline.lookup.source].rows[key] if lake.pipeline.lookup else None
        if row and row.image is not None and lake.pipeline.lookup:
            typed = type_source_item(lake.pipeline, lake.pipeline.lookup.source, parse_json(row.image))
            if not isinstance(typed, Rejection):
                nulled.update(typed.nulled)
    return dict(nulled)


def _count_rows(before: Mapping[str, tuple[Row, ...]], replaced: Mapping[str, tuple[Row, ...]]) -> RowCounts:
    pairs = [(before.get(key, ()), rows) for key, rows in replaced.items()]
    return RowCounts(
        inserted=sum(max(0, len(new) - len(old)) for old, new in pairs),
        updated=sum(one != other for old, new in pairs for one, other in zip(old, new, strict=False)),
        deleted=sum(max(0, len(old) - len(new)) for old, new in pairs),
    )


def _count_quarantine(lake: Lake, before: Mapping[tuple[str, str], QuarantineRow]) -> QuarantineCounts:
    main = lake.pipeline.target.source
    live = len(present_images(lake.mirrors[main]))
    quarantined = sum(source == main for source, _ in lake.quarantine)
    return QuarantineCounts(
        total=len(lake.quarantine),
        entered=len(lake.quarantine.keys() - before.keys()),
        left=len(before.keys() - lake.quarantine.keys()),
        share=quarantined / live if live else 0.0,
        reasons=Counter(row.rejection.reason for row in lake.quarantine.values()),
    )


def _crash(crash_before: str | None, step: str) -> None:
    if crash_before == step:
        raise MergeCrashedError(
            f"The merge was stopped before {step}: apply its batch again, or go on with the next one"
        )
