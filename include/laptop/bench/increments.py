"""(a) The same 10,000 changes into a small and a large lake: does a run cost what changed, or what is stored?"""

from __future__ import annotations

from collections.abc import Sequence

from include.laptop.bench.benchmark import (
    Bar,
    Benchmark,
    Case,
    Plot,
    Results,
    Scale,
    Section,
    Values,
    measured_merges,
    merge_values,
    ratio_verdict,
    rows_of,
    seconds,
)
from include.laptop.bench.generate import RECENT_ITEMS, recent_changes, write_changes
from include.laptop.bench.lake import MAIN, BenchLake

CHANGES = 10_000


def _cases(scale: Scale) -> Sequence[Case]:
    return [Case(str(items), items, _measure) for items in (scale.small, scale.large)]


def _measure(lake: BenchLake) -> Values:
    files = write_changes(lake.folder / "recent.json.gz", recent_changes(CHANGES))
    return merge_values(measured_merges(lake, {MAIN: files}))


def _render(results: Results) -> Section:
    by_items = sorted((int(name), values) for name, values in results["a"].items())
    (small, first), (large, last) = by_items[0], by_items[-1]
    if small == large:
        raise KeyError("a")
    names = list(dict.fromkeys([*first["phases"], *last["phases"]]))
    table = [["", rows_of(small), rows_of(large), "ratio"]]
    table += [
        _row("whole job", first["job_s"], last["job_s"]),
        _row("without Spark's start", first["work_s"], last["work_s"]),
    ]
    table += [_row(name, first["phases"].get(name, 0.0), last["phases"].get(name, 0.0)) for name in names]
    verdict = ratio_verdict(
        f"whole job, {rows_of(large)} against {rows_of(small)}", last["job_s"] / first["job_s"], 1.5
    )
    bars = [Bar(rows_of(items), values["job_s"]) for items, values in by_items]
    return Section(
        verdict,
        table,
        f"{CHANGES:,} statements (80 % updates, 15 % inserts, 5 % deletions) about items of the last seven days, a lake of "
        f"365 days; median of three merges from the same tables. Those seven days hold {RECENT_ITEMS:,} items in either lake: "
        "what grows is the past, and a run does not touch it.",
        Plot("increments", "The same 10,000 changes", "seconds, whole job", bars),
    )


def _row(name: str, first: float, last: float) -> list[str]:
    return [name, seconds(first), seconds(last), f"{last / first:.2f}" if first >= 0.5 else ""]


BENCHMARK = Benchmark("a", "The same changes into more rows", _cases, _render)
