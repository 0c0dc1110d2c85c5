"""(f) One lookup item changes its deadlines, which touches 1 % of all rows."""

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
    rows_of,
    seconds,
)
from include.laptop.bench.generate import write_moved_deadlines
from include.laptop.bench.lake import LOOKUP, BenchLake


def _cases(scale: Scale) -> Sequence[Case]:
    return [Case(str(scale.small), scale.small, _measure)]


def _measure(lake: BenchLake) -> Values:
    files = write_moved_deadlines(lake.folder / "deadlines.json.gz", [7])
    load_s = lake.load.work_s if lake.load else 0.0
    return {**merge_values(measured_merges(lake, {LOOKUP: files}, times=2)), "load_s": round(load_s, 2)}


def _render(results: Results) -> Section:
    items, values = next(iter(results["f"].items()))
    table = [
        ["", ""],
        ["rows that the change touches", f"{values['rows']:,} of {rows_of(int(items))}"],
        ["whole job", seconds(values["job_s"])],
        ["without Spark's start", seconds(values["work_s"])],
        *([name, seconds(value)] for name, value in values["phases"].items()),
    ]
    return Section(
        f"a lookup change against the first load of the same lake: **{values['work_s'] / values['load_s']:.2f}**",
        table,
        "The rows of one campaign lie in every day of the year; within a day they are sorted by campaign.",
        Plot("lookup-change", "A deadline moves for 1 % of the rows", "seconds, without Spark's start",
             [Bar("lookup change", values["work_s"]), Bar("first load", values["load_s"])]),
    )  # fmt: skip


BENCHMARK = Benchmark("f", "A lookup change that touches 1 % of the rows", _cases, _render)
