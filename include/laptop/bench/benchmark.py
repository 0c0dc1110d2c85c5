"""What a benchmark is: cases that measure, and a section that is made from what they measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.laptop.bench.generate import ENTRIES, ChangeFile
from include.laptop.bench.lake import BenchLake, Merge

Values = dict[str, Any]
Results = Mapping[str, Mapping[str, Values]]
"""What was measured: by benchmark, then by case."""


@dataclass(frozen=True)
class Scale:
    """How many items are loaded; an item makes five rows."""

    name: str
    small: int
    large: int
    reload: int


QUICK = Scale("quick", small=100_000, large=1_000_000, reload=1_000_000)
FULL = Scale("full", small=200_000, large=2_000_000, reload=1_000_000)


@dataclass(frozen=True)
class Case:
    """One measurement on a lake of ``items`` items, as loaded (0: empty tables); whatever it changes is put back."""

    name: str
    items: int
    measure: Callable[[BenchLake], Values]


@dataclass(frozen=True)
class Bar:
    label: str
    value: float


@dataclass(frozen=True)
class Plot:
    """Bars of one unit; ``name`` is the picture's file."""

    name: str
    title: str
    unit: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Section:
    """A benchmark's part of the document. ``verdict``: the measured figure against its target."""

    verdict: str
    table: Sequence[Sequence[str]]
    remarks: str
    plot: Plot


@dataclass(frozen=True)
class Benchmark:
    """``key`` selects it (``ONLY=a,b``); ``render`` raises ``KeyError`` for results that were not measured."""

    key: str
    title: str
    cases: Callable[[Scale], Sequence[Case]]
    render: Callable[[Results], Section]


def measured_merges(lake: BenchLake, files: Mapping[str, Sequence[ChangeFile]], times: int = 3) -> Merge:
    """Run the same merge several times from the same tables; return the one of median work."""
    mark = lake.mark()
    merges = []
    for _ in range(times):
        merges.append(lake.merge_hour(0, files))
        lake.reset(mark)
    middle = statistics.median_high(merge.work_s for merge in merges)
    return next(merge for merge in merges if merge.work_s == middle)


def merge_values(merge: Merge) -> Values:
    """What is kept of a merge."""
    rows = merge.report.rows
    return {
        "job_s": round(merge.job_s, 2),
        "work_s": round(merge.work_s, 2),
        "phases": {name: round(seconds, 2) for name, seconds in merge.phases.items()},
        "rows": rows.inserted + rows.updated + rows.deleted,
        "bytes_written": merge.report.bytes_written,
        "peak_memory_bytes": merge.report.peak_memory_bytes,
    }


def ratio_verdict(what: str, ratio: float, target: float, *, at_least: bool = False) -> str:
    """Say whether a ratio meets its target, and by how much not."""
    is_met = ratio >= target if at_least else ratio <= target
    sign = "≥" if at_least else "≤"
    missed = "" if is_met else f": missed by {abs(ratio / target - 1):.0%}"
    return f"{what}: **{ratio:.2f}** (target {sign} {target:g}{missed})"


def rows_of(items: int) -> str:
    """How a number of items reads in rows."""
    rows = items * ENTRIES
    return f"{rows // 1_000_000}M rows" if rows >= 1_000_000 else f"{rows // 1000}k rows"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


def mebibytes(value: float) -> str:
    return f"{value / 2**20:,.0f} MiB"
