"""Make ``docs/benchmarks.md`` and its pictures from the kept results."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.laptop import paths
from include.laptop.bench.benchmark import Benchmark, Plot, Section

DOCUMENT = paths.ROOT / "docs" / "benchmarks.md"
PICTURES = paths.ROOT / "docs" / "images" / "bench"
SCALES = {"quick": "`make bench`", "full": "`make bench FULL=1`"}

_HEAD = """# Benchmarks

Written by `make bench`; do not edit. Every figure is a ratio of two things measured in one run on one machine: merges are Glue jobs run as
they are deployed (Spark 4.1, Iceberg 1.11, S3 and the Glue catalog by local AWS, which shares the machine's cores with them), on
generated exports: an item has five entries, so a million items are five million rows. Local Spark uses the JVM's quick compiler alone,
which short jobs gain from and long ones lose by, the baseline too. Absolute seconds of a laptop say little about AWS.
"""


def write_document(kept: Mapping[str, Any], benchmarks: Sequence[Benchmark]) -> None:
    """Write the document and draw a picture for every benchmark that was measured."""
    sections = list(_sections(kept, benchmarks))
    _draw([section.plot for _, _, section in sections])
    summary = [f"| {b.key} | {b.title} | {SCALES[scale]} | {section.verdict} |" for b, scale, section in sections]
    parts = [_HEAD, "| | what | run | measured |\n|---|---|---|---|\n" + "\n".join(summary) + "\n"]
    parts += [_part(benchmark, scale, kept[scale][benchmark.key], section) for benchmark, scale, section in sections]
    DOCUMENT.write_text("\n".join(parts))


def _sections(kept: Mapping[str, Any], benchmarks: Sequence[Benchmark]) -> Iterator[tuple[Benchmark, str, Section]]:
    for benchmark in benchmarks:
        for scale in SCALES:
            results = {key: one["cases"] for key, one in kept.get(scale, {}).items()}
            try:
                section = benchmark.render(results)
            except KeyError:  # not measured at this scale, or not yet
                continue
            yield benchmark, scale, _named_for(section, scale)


def _named_for(section: Section, scale: str) -> Section:
    plot = section.plot
    name = plot.name if scale == "quick" else f"{plot.name}-{scale}"
    return Section(section.verdict, section.table, section.remarks, Plot(name, plot.title, plot.unit, plot.bars))


def _part(benchmark: Benchmark, scale: str, kept: Mapping[str, str], section: Section) -> str:
    head, *rows = section.table
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return (
        f"## {benchmark.title}\n\n{section.verdict}\n\n![{section.plot.title}](images/bench/{section.plot.name}.svg)\n\n"
        + "\n".join(lines)
        + f"\n\n{section.remarks} Measured by {SCALES[scale]} on {kept['day']}: {kept['machine']}.\n"
    )


def _draw(plots: Sequence[Plot]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    wanted = [{"path": str(PICTURES / f"{p.name}.svg"), "title": p.title, "unit": p.unit,
               "labels": [bar.label for bar in p.bars], "values": [bar.value for bar in p.bars]} for p in plots]  # fmt: skip
    command = [str(paths.python_of(paths.BENCH_ENV)), str(paths.ROOT / "include" / "laptop" / "bench" / "pictures.py")]
    subprocess.run(command, input=json.dumps(wanted), text=True, check=True)
