"""(g) A day of hourly runs in a row: does run 24 cost what run 1 did?"""

from __future__ import annotations

import statistics
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
    merge_values,
    ratio_verdict,
    seconds,
)
from include.laptop.bench.generate import recent_changes, write_changes
from include.laptop.bench.lake import MAIN, BenchLake

HOURS = 24
CHANGES = 2_000


def _cases(scale: Scale) -> Sequence[Case]:
    return [Case("day", scale.small, _measure)]


def _measure(lake: BenchLake) -> Values:
    mark = lake.mark()
    runs = []
    for hour in range(HOURS):
        files = write_changes(lake.folder / f"hour-{hour}.json.gz", recent_changes(CHANGES, hour + 1))
        runs.append(merge_values(lake.merge_hour(hour, {MAIN: files})))
    lake.reset(mark)
    return {"runs": runs}


def _render(results: Results) -> Section:
    jobs = [run["job_s"] for run in results["g"]["day"]["runs"]]
    first, last = statistics.median(jobs[:3]), statistics.median(jobs[-3:])
    table = [
        ["", "whole job"],
        ["runs 1 to 3, median", seconds(first)],
        ["runs 11 to 13, median", seconds(statistics.median(jobs[10:13]))],
        ["runs 22 to 24, median", seconds(last)],
        ["slowest run (with the day's maintenance)", seconds(max(jobs))],
    ]
    return Section(
        ratio_verdict("runs 22 to 24 against runs 1 to 3", last / first, 1.1),
        table,
        f"{CHANGES:,} changes of the last seven days an hour, each hour's window merged after the one before.",
        Plot("day-of-runs", "Twenty-four hourly runs", "seconds, whole job",
             [Bar(f"run {place + 1}", value) for place, value in enumerate(jobs)]),
    )  # fmt: skip


BENCHMARK = Benchmark("g", "A day of hourly runs", _cases, _render)
