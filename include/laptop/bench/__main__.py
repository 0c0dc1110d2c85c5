"""``make bench``: measure, keep the results, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from include.dynamo_lake.errors import LakeError
from include.laptop.bench import day_of_runs, increments, latency, lookup_change, reloads, write_modes
from include.laptop.bench.benchmark import FULL, QUICK, Benchmark, Case, Scale
from include.laptop.bench.document import write_document
from include.laptop.bench.lake import bench_lake
from include.laptop.bench.results import FOLDER, Measured, keep, read_unfinished
from include.laptop.running import Progress
from include.laptop.setup.errors import SetupError

BENCHMARKS: tuple[Benchmark, ...] = (
    increments.BENCHMARK,
    reloads.SPARK,
    reloads.DUCKDB,
    write_modes.BENCHMARK,
    reloads.LOAD,
    lookup_change.BENCHMARK,
    day_of_runs.BENCHMARK,
    latency.BENCHMARK,
)


def main() -> int:
    """Return 0 when everything selected was measured; a run that was interrupted goes on where it stopped."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="with the lake of ten million rows")
    parser.add_argument("--only", default="", help="keys of benchmarks, for example a,b")
    options = parser.parse_args()
    keys = {key.strip() for key in options.only.split(",") if key.strip()}
    known = {benchmark.key for benchmark in BENCHMARKS}
    if keys - known:
        print(
            f"ONLY={options.only}: no benchmark {', '.join(sorted(keys - known))}; known: {', '.join(sorted(known))}",
            file=sys.stderr,
        )
        return 2
    selected = [benchmark for benchmark in BENCHMARKS if not keys or benchmark.key in keys]
    scale = FULL if options.full else QUICK
    measured = read_unfinished(scale)
    try:
        _measure(selected, scale, measured)
    except (LakeError, SetupError) as error:
        print(f"make bench failed: {error}", file=sys.stderr)
        return 1
    write_document(keep(measured, f"{datetime.now(UTC):%Y-%m-%d}"), BENCHMARKS)
    print("docs/benchmarks.md is written", flush=True)
    return 0


def _measure(selected: Sequence[Benchmark], scale: Scale, measured: Measured) -> None:
    """Measure what is missing, lake by lake: the smallest is loaded first, and each only once."""
    cases = [(b.key, case) for b in selected for case in b.cases(scale) if not measured.has(b.key, case.name)]
    if not cases:
        return
    say = Progress()
    with bench_lake(FOLDER, say) as lake:
        for key, case in sorted(cases, key=_by_size):
            if case.items and lake.items != case.items:
                say(f"loading {case.items} items")
                lake.load_items(case.items)
            say(f"{key} {case.name}")
            measured.add(key, case.name, case.measure(lake))


def _by_size(case: tuple[str, Case]) -> tuple[int, str]:
    key, one = case
    return one.items, key


if __name__ == "__main__":
    raise SystemExit(main())
