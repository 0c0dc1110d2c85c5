"""(h) From the write to rows in Athena: the event-driven path under Airflow's real scheduler, steady and in a burst."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from include.dynamo_lake.errors import TransientError
from include.laptop.bench.benchmark import (
    Bar,
    Benchmark,
    Case,
    Plot,
    Results,
    Scale,
    Section,
    Values,
    ratio_verdict,
    seconds,
)
from include.laptop.bench.lake import BenchLake
from include.laptop.bench.live_stack import STEPS, LiveStack, live_stack
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.traffic import present_traffic
from include.local_aws import demo

RATE, STEADY_S, BURST = 50, 180, 20_000
TARGET_S = 60.0


def measure_steady(stack: LiveStack, duration_s: int = STEADY_S) -> Values:
    """Write ``RATE`` changes a second for so long, and measure them once all of them show."""
    dynamodb = stack.client("dynamodb")
    traffic, begun = present_traffic(dynamodb, seed=7), time.time()
    for second in range(duration_s):
        time.sleep(max(0.0, begun + second - time.time()))
        demo.write_changes(dynamodb, traffic.build_writes(RATE, datetime.now(UTC)))
        stack.watch_inbox()
    return _measured(stack, begun)


def measure_burst(stack: LiveStack, count: int = BURST) -> Values:
    """Write so many changes as fast as the tables take them, and measure them once all of them show."""
    dynamodb = stack.client("dynamodb")
    traffic, begun, left = present_traffic(dynamodb, seed=8), time.time(), count
    while left > 0:
        changes = traffic.build_writes(left, datetime.now(UTC))
        demo.write_changes(dynamodb, changes)
        left -= sum(map(len, changes.puts.values())) + sum(map(len, changes.deletes.values()))
        stack.watch_inbox()
    return _measured(stack, begun)


def _measured(stack: LiveStack, begun: float) -> Values:
    stack.wait_until_quiet()
    if not stack.shows_everything():
        raise TransientError(f"the inbox is empty, but not every change shows; logs: {StackFolder().logs}")
    runs = stack.runs_since(begun)
    changes = [change for run in runs for change in run.latencies()]
    if not changes:
        raise TransientError(f"no on-change run took the changes; logs: {StackFolder().logs}")
    whole = sorted(latency for latency, _ in changes)
    steps = zip(STEPS, zip(*(parts for _, parts in changes), strict=True), strict=True)
    return {
        "changes": len(whole),
        "runs": len(runs),
        "median_s": round(statistics.median(whole), 1),
        "p95_s": round(whole[int(len(whole) * 0.95)], 1),
        "steps": {name: round(statistics.median(values), 1) for name, values in steps},
    }


def _cases(scale: Scale) -> Sequence[Case]:
    return [Case("steady", 0, _on_a_stack(measure_steady)), Case("burst", 0, _on_a_stack(measure_burst))]


def _on_a_stack(measure: Callable[[LiveStack], Values]) -> Callable[[BenchLake], Values]:
    def measured(_: BenchLake) -> Values:
        with live_stack() as stack:
            return measure(stack)

    return measured


def _render(results: Results) -> Section:
    steady, burst = results["h"]["steady"], results["h"]["burst"]
    cases = (steady, burst)
    table = [
        ["", f"{RATE}/s for {STEADY_S} s", f"a burst of {BURST:,}"],
        ["changes, runs", *(f"{case['changes']:,} in {case['runs']}" for case in cases)],
        ["median", *(seconds(case["median_s"]) for case in cases)],
        ["95 %", *(seconds(case["p95_s"]) for case in cases)],
        *([f"of it: {step}", *(seconds(case["steps"][step]) for case in cases)] for step in STEPS),
    ]
    return Section(
        ratio_verdict("median from the write to rows in Athena, against a minute", steady["median_s"] / TARGET_S, 1.0),
        table,
        "Airflow, local AWS, Athena and a Spark started anew for every run share the cores. A change waits for the run "
        "before its own to end, so what bounds the whole is the length of one run, and of that the start of Spark and the "
        "checks. A job that stays up between runs would halve it, and be paid around the clock.",
        Plot("latency", "From the write to rows in Athena, steady", "seconds, median by step",
             [Bar(step, steady["steps"][step]) for step in STEPS]),
    )  # fmt: skip


BENCHMARK = Benchmark("h", "From the write to rows in Athena", _cases, _render)
