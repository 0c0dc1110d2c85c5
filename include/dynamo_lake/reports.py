"""The run report: what the Glue job did, as JSON in the pipeline's bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.dynamo_lake.errors import OtherVersionError
from include.dynamo_lake.windows import format_instant, parse_instant


@dataclass(frozen=True)
class StatementCounts:
    """Statements of one source: ``read = applied + stale + quarantined``."""

    read: int
    applied: int
    stale: int
    quarantined: int
    files: int
    bytes: int


@dataclass(frozen=True)
class RowCounts:
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class SourceQuarantine:
    """Items of one source that are in quarantine now, among its ``live`` ones."""

    items: int
    live: int

    @property
    def share(self) -> float:
        return self.items / self.live if self.live else 0.0


@dataclass(frozen=True)
class QuarantineCounts:
    """``share``: of the main source's live items; ``reasons``: items by path and rule, all that are in quarantine now;
    ``sources``: those that have any.
    """

    total: int
    entered: int
    left: int
    share: float
    reasons: Mapping[str, int]
    sources: Mapping[str, SourceQuarantine] = field(default_factory=dict)


@dataclass(frozen=True)
class DifferenceCounts:
    """One mirror against its source: keys ``compared``, keys of which the mirror knows something ``newer``, and what
    differed by kind.
    """

    compared: int
    newer: int
    missing: int
    extra: int
    different: int

    @property
    def total(self) -> int:
        return self.missing + self.extra + self.different


@dataclass(frozen=True)
class ReconcileReport:
    """What a comparison with full exports ``at`` one instant found, and whether it was ``repaired``.

    ``examples``: the first differences, ``{"source", "key", "kind"}``; all of them lie below ``differences`` (object keys).
    """

    at: str
    repaired: bool
    sources: Mapping[str, DifferenceCounts]
    examples: tuple[Mapping[str, str], ...]
    differences: str


@dataclass(frozen=True)
class TableState:
    """A table after the run: ``committed`` says whether this run made the snapshot; ``snapshot_id`` 0: it has none yet."""

    snapshot_id: int
    metadata_location: str
    committed: bool


@dataclass(frozen=True)
class WriteTimes:
    """When the changes of a run were written, of those whose files say so: all after ``oldest``, 95 % after ``p95``, half
    after ``median``. Instants as text.
    """

    changes: int
    oldest: str
    p95: str
    median: str

    def latency_s(self, published_at: datetime) -> dict[str, int]:
        """Seconds from the write to ``published_at``: half of the changes, 95 %, all of them took so long at most."""
        instants = {"p50": self.median, "p95": self.p95, "max": self.oldest}
        return {name: int((published_at - parse_instant(at)).total_seconds()) for name, at in instants.items()}


def build_write_times(seconds: Iterable[int]) -> WriteTimes | None:
    """Percentiles of write times in seconds since 1970; None where there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    at = {share: ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.0, 0.05, 0.5)}
    oldest, p95, median = (format_instant(datetime.fromtimestamp(second, UTC)) for second in at.values())
    return WriteTimes(len(ordered), oldest, p95, median)


@dataclass(frozen=True)
class Phase:
    name: str
    seconds: float


@dataclass(frozen=True)
class RunReport:
    """What one merge did; shape and meaning as in ``docs/contracts.md``.

    ``set_aside``: inbox files that could not be read, with the reason.
    """

    batch_id: str
    pipeline: str
    job_run_id: str
    run: int
    started_at: str
    finished_at: str
    windows: tuple[Mapping[str, str], ...]
    full_export_at: str | None
    statements: Mapping[str, StatementCounts]
    rows: RowCounts
    items: Mapping[str, int]
    quarantine: QuarantineCounts
    nulled_fields: Mapping[str, int]
    repeated_lookup_entries: int
    tables: Mapping[str, TableState]
    derived_through: int
    days: tuple[str, ...]
    rows_total: int
    bytes_written: int
    peak_memory_bytes: int
    phases: tuple[Phase, ...] = field(default_factory=tuple)
    set_aside: Mapping[str, str] = field(default_factory=dict)
    written: WriteTimes | None = None
    rebuilt: bool = False
    reconciled: ReconcileReport | None = None

    def to_json(self) -> str:
        return json.dumps({"version": 1, **asdict(self)}, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> RunReport:
        value: dict[str, Any] = json.loads(text)
        if value.pop("version", None) != 1:
            raise OtherVersionError(
                "The run report has a version that this code does not read: deploy the code that wrote it"
            )
        return RunReport(**{
            **value,
            "windows": tuple(value["windows"]),
            "statements": {source: StatementCounts(**counts) for source, counts in value["statements"].items()},
            "rows": RowCounts(**value["rows"]),
            "quarantine": _quarantine_from_json(value["quarantine"]),
            "tables": {table: TableState(**state) for table, state in value["tables"].items()},
            "days": tuple(value["days"]),
            "phases": tuple(Phase(**phase) for phase in value["phases"]),
            "written": WriteTimes(**value["written"]) if value.get("written") else None,
            "reconciled": _reconciled_from_json(value.get("reconciled")),
        })


def _quarantine_from_json(value: Mapping[str, Any]) -> QuarantineCounts:
    sources = {source: SourceQuarantine(**counts) for source, counts in value.get("sources", {}).items()}
    return QuarantineCounts(**{**value, "sources": sources})


def _reconciled_from_json(value: Mapping[str, Any] | None) -> ReconcileReport | None:
    if value is None:
        return None
    sources = {source: DifferenceCounts(**counts) for source, counts in value["sources"].items()}
    return ReconcileReport(**{**value, "sources": sources, "examples": tuple(value["examples"])})
