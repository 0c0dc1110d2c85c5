"""(h) From the write to rows in Athena: the event-driven path under Airflow's real scheduler, steady and in a burst."""

from __future__ import annotations

import gzip
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.dynamo_lake.errors import TransientError
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX, PipelineNames, manifest_key, report_key
from include.dynamo_lake.reports import RunReport
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
from include.laptop.bench.lake import PIPELINE, BenchLake
from include.laptop.running import read_running, session
from include.laptop.stack.airflow_api import AirflowApi
from include.laptop.stack.commands import down, up
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.processes import find_supervisor
from include.laptop.stack.traffic import present_traffic
from include.local_aws import demo

RATE, STEADY_S, BURST = 50, 180, 20_000
TARGET_S = 60.0
CEILING_S = 1800.0
STEPS = ("capture", "wait for a run", "Airflow", "job start", "merge", "verify", "publish")
_NAMES = PipelineNames(PIPELINE)
_DAG = _NAMES.dag_id("on_change")
_BUCKET = f"{_NAMES.stack}-000000000000-eu-central-1"


@dataclass(frozen=True)
class AppliedFile:
    """A change file that a run has applied: when it was written, and the seconds in which its changes were."""

    captured_at: datetime
    written_s: tuple[int, ...]


@dataclass(frozen=True)
class OnChangeRun:
    """A run that merged: its files, and the instants (seconds since 1970) at which its steps ended."""

    files: tuple[AppliedFile, ...]
    started: float
    job_started: float
    spark_ready: float
    merged: float
    verified: float
    published: float

    def latencies(self) -> Iterator[tuple[float, tuple[float, ...]]]:
        """Of every change: all of it, and step by step as ``STEPS`` names them."""
        ends = (self.started, self.job_started, self.spark_ready, self.merged, self.verified, self.published)
        for file in self.files:
            for written in file.written_s:
                instants = (written, file.captured_at.timestamp(), *ends)
                yield self.published - written, tuple(b - a for a, b in itertools.pairwise(instants))


@dataclass(frozen=True)
class LiveStack:
    """The stack of `make up`, without traffic of its own. ``captured``: when each change file came into the inbox."""

    api: AirflowApi
    aws: Mapping[str, str]
    captured: dict[str, datetime] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return session(self.aws).client(service, endpoint_url=self.aws["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

    def watch_inbox(self) -> bool:
        """Note what has come; return whether the inbox is empty. Moving a file forgets when it came."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=_BUCKET, Prefix=INBOX_PREFIX)
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        for entry in entries:
            self.captured.setdefault(entry["Key"], entry["LastModified"])
        return not entries

    def wait_until_quiet(self) -> None:
        """Return once the inbox is empty and no on-change run is under way."""
        deadline = time.monotonic() + CEILING_S
        while not self.watch_inbox() or not {run["state"] for run in self.api.runs(_DAG)} <= {"success", "failed"}:
            if time.monotonic() > deadline:
                raise TransientError(f"the inbox is not empty after {CEILING_S:.0f} s; logs: {StackFolder().logs}")
            time.sleep(1)

    def runs_since(self, begun: float) -> list[OnChangeRun]:
        """The on-change runs that announced something since ``begun``."""
        path = f"/assets/events?limit=100&order_by=-timestamp&source_dag_id={_DAG}"
        events = [event for event in self.api.ask("GET", path)["asset_events"] if "batch_id" in event["extra"]]
        recent = [event for event in events if _epoch(event["timestamp"]) > begun]
        return [self._read_run(event["source_run_id"], event["extra"]["batch_id"]) for event in recent]

    def _read_run(self, run_id: str, batch_id: str) -> OnChangeRun:
        tasks = {task["task_id"]: task for task in self.api.tasks(_DAG, run_id)}
        manifest = BatchManifest.from_json(self._read(manifest_key(batch_id)))
        report = RunReport.from_json(self._read(report_key(batch_id)))
        job = self.client("glue").get_job_run(JobName=f"{_NAMES.dashed}-merge", RunId=report.job_run_id)["JobRun"]
        started = job["StartedOn"].timestamp()
        snapshot = tasks["publish.snapshot"]
        return OnChangeRun(
            files=tuple(self._read_file(file.key) for file in manifest.inbox if file.key in self.captured),
            started=_epoch(tasks["plan"]["start_date"]),
            job_started=started,
            spark_ready=started + sum(one.seconds for one in report.phases if one.name.startswith("start")),
            merged=job["CompletedOn"].timestamp(),
            verified=_epoch(snapshot["start_date"]),
            published=_epoch(snapshot["end_date"]),
        )

    def _read_file(self, key: str) -> AppliedFile:
        lines = gzip.decompress(self._read(APPLIED_PREFIX + key.removeprefix(INBOX_PREFIX))).splitlines()
        written = tuple(json.loads(line)["Metadata"]["ApproximateCreationSecond"] for line in lines)
        return AppliedFile(self.captured[key], written)

    def _read(self, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=_BUCKET, Key=key)["Body"].read()
        return body


def measure_steady(stack: LiveStack, duration_s: int = STEADY_S) -> Values:
    """Write ``RATE`` changes a second for so long, and wait until all of them show."""
    dynamodb = stack.client("dynamodb")
    traffic, begun = present_traffic(dynamodb, seed=7), time.time()
    for second in range(duration_s):
        time.sleep(max(0.0, begun + second - time.time()))
        demo.write_changes(dynamodb, traffic.build_writes(RATE, datetime.now(UTC)))
        stack.watch_inbox()
    return _measured(stack, begun)


def measure_burst(stack: LiveStack, count: int = BURST) -> Values:
    """Write so many changes as fast as the tables take them, and wait until all of them show."""
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


@contextmanager
def live_stack() -> Iterator[LiveStack]:
    """A stack that has caught up, with nobody else writing; ended afterwards.

    Raises:
        TransientError: a stack of this checkout is up.
    """
    folder = StackFolder()
    if find_supervisor(folder.read_state(), folder) is not None:
        raise TransientError("the stack is up: `make down` first, the benchmark starts one of its own")
    try:
        up(folder, traffic=False)
        state = folder.read_state()
        if state is None or state.message:
            raise TransientError(f"the stack did not come up; logs: {folder.logs}")
        stack = LiveStack(AirflowApi(state.url), read_running())
        stack.wait_until_quiet()
        yield stack
    finally:
        down(folder)


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


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


BENCHMARK = Benchmark("h", "From the write to rows in Athena", _cases, _render)
