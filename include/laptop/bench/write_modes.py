"""(d) Changes all over the year: copy-on-write against merge-on-read, for mirror and target, readers' cost included."""

from __future__ import annotations

from collections.abc import Sequence

from include.dynamo_lake.names import PipelineNames
from include.laptop import paths
from include.laptop.bench.benchmark import (
    Bar,
    Benchmark,
    Case,
    Plot,
    Results,
    Scale,
    Section,
    Values,
    mebibytes,
    merge_values,
    seconds,
)
from include.laptop.bench.generate import scattered_changes, write_changes
from include.laptop.bench.increments import CHANGES
from include.laptop.bench.lake import MAIN, PIPELINE, BenchLake
from include.laptop.setup.commands import run

COPY, MERGE = "copy-on-write", "merge-on-read"
RUNS = 2


def _cases(scale: Scale) -> Sequence[Case]:
    return [
        Case(COPY, scale.small, lambda lake: _measure(lake, COPY)),
        Case(MERGE, scale.small, lambda lake: _measure(lake, MERGE)),
    ]


def _measure(lake: BenchLake, mode: str) -> Values:
    mark = lake.mark()
    _set_mode(lake, mode)
    values = []
    for turn in range(RUNS):
        path = lake.folder / f"scattered-{turn}.json.gz"
        files = write_changes(path, scattered_changes(lake.items, CHANGES, turn + 1))
        values.append(merge_values(lake.merge_hour(turn, {MAIN: files})))
    table = f'"{PipelineNames(PIPELINE).lake_database}"."user_campaign_tasks"'
    read_s, scanned = lake.athena_seconds(f"SELECT count(*), sum(reward_earned) FROM {table}")  # noqa: S608 - our own name
    lake.reset(mark)
    return {"runs": values, "read_s": round(read_s, 2), "scanned_bytes": scanned}


def _set_mode(lake: BenchLake, mode: str) -> None:
    database = PipelineNames(PIPELINE).lake_database
    tables = [f"{database}.mirror_{MAIN}", f"{database}.user_campaign_tasks"]
    command = [paths.python_of(paths.AWS_ENV), "-m", "include.laptop.bench.write_mode", mode, *tables]
    run(command, f"setting the tables to {mode}", {"PYTHONPATH": str(paths.ROOT)})


def _render(results: Results) -> Section:
    copied, merged = results["d"][COPY], results["d"][MERGE]
    last = {COPY: copied["runs"][-1], MERGE: merged["runs"][-1]}
    table = [
        ["", COPY, MERGE],
        _phase_row(f"mirror {MAIN}", last[COPY], last[MERGE]),
        _phase_row("target", last[COPY], last[MERGE]),
        ["whole job, first run", seconds(copied["runs"][0]["job_s"]), seconds(merged["runs"][0]["job_s"])],
        ["whole job, second run", seconds(last[COPY]["job_s"]), seconds(last[MERGE]["job_s"])],
        ["bytes written, second run", mebibytes(last[COPY]["bytes_written"]), mebibytes(last[MERGE]["bytes_written"])],
        ["reader: sum over the table", seconds(copied["read_s"]), seconds(merged["read_s"])],
        ["reader: bytes scanned", mebibytes(copied["scanned_bytes"]), mebibytes(merged["scanned_bytes"])],
    ]
    verdict = f"merge-on-read against copy-on-write, whole job: **{last[MERGE]['job_s'] / last[COPY]['job_s']:.2f}**"
    bars = [Bar(f"{mode}, {what}", value) for mode, one in ((COPY, copied), (MERGE, merged))
            for what, value in (("job", last[mode]["job_s"]), ("reader", one["read_s"]))]  # fmt: skip
    return Section(
        verdict,
        table,
        f"{CHANGES:,} updates over 365 days, twice in a row. The worst case for copy-on-write: every file of the year is touched.",
        Plot("write-modes", "Changes all over the year", "seconds", bars),
    )


def _phase_row(name: str, copied: Values, merged: Values) -> list[str]:
    return [f"phase {name}", *(seconds(one["phases"].get(name, 0.0)) for one in (copied, merged))]


BENCHMARK = Benchmark("d", "Changes all over the year: copy-on-write or merge-on-read", _cases, _render)
