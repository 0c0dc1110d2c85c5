"""The stack of `make up` as the latency benchmark watches it: what came in when, and which run showed it."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import TransientError
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX, PipelineNames, manifest_key, report_key
from include.dynamo_lake.reports import RunReport
from include.laptop.athena import query
from include.laptop.bench.lake import PIPELINE
from include.laptop.expected import expected_rows, sort_key
from include.laptop.running import read_running, session
from include.laptop.stack.airflow_api import AirflowApi
from include.laptop.stack.commands import down, up
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.processes import find_supervisor

CEILING_S = 1800.0
# Longer than the stream function gathers records: whoever is quiet for so long has no change under way.
QUIET_S = 15.0
STEPS = ("capture", "wait for a run", "Airflow", "job start", "merge", "verify", "publish")
_NAMES = PipelineNames(PIPELINE)
_HOURLY, _DAG = _NAMES.dag_id("hourly"), _NAMES.dag_id("on_change")
_TABLE = f'"{_NAMES.analytics_database}"."user_campaign_tasks"'
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

    def wait_until_caught_up(self) -> None:
        """Return once the first scheduled hourly run has ended, and after it all on-change runs."""
        self._wait(lambda: any(run["run_type"] == "scheduled" for run in self.api.runs(_HOURLY)), "a scheduled run")
        self.wait_until_quiet()

    def wait_until_quiet(self) -> None:
        """Return once the inbox has been empty, with no run under way, for ``QUIET_S``."""
        busy = time.monotonic()

        def is_quiet() -> bool:
            nonlocal busy
            is_empty = self.watch_inbox()
            states = {run["state"] for dag_id in (_HOURLY, _DAG) for run in self.api.runs(dag_id)}
            if not is_empty or not states <= {"success", "failed"}:
                busy = time.monotonic()
            return time.monotonic() - busy >= QUIET_S

        self._wait(is_quiet, "the inbox to be empty and all runs to end")

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + CEILING_S
        while not done():
            if time.monotonic() > deadline:
                raise TransientError(f"waited {CEILING_S:.0f} s for {what}; logs: {StackFolder().logs}")
            time.sleep(1)

    def shows_everything(self) -> bool:
        """Whether readers see what the DynamoDB tables hold."""
        shown = query(self.client("athena"), PIPELINE, f"SELECT * FROM {_TABLE}").rows  # noqa: S608 - our own name
        return sorted(shown, key=sort_key) == expected_rows(read_declaration(PIPELINE), self.client("dynamodb"))

    def runs_since(self, begun: float) -> list[OnChangeRun]:
        """The runs that announced something since ``begun``: on-change runs, and an hourly one at a full hour."""
        events = [event for event in self.api.asset_events() if "batch_id" in event["extra"]]
        recent = [event for event in events if _epoch(event["timestamp"]) > begun]
        return [
            self._read_run(event["source_dag_id"], event["source_run_id"], event["extra"]["batch_id"])
            for event in recent
        ]

    def _read_run(self, dag_id: str, run_id: str, batch_id: str) -> OnChangeRun:
        tasks = {task["task_id"]: task for task in self.api.tasks(dag_id, run_id)}
        manifest = BatchManifest.from_json(self._read(manifest_key(batch_id)))
        report = RunReport.from_json(self._read(report_key(batch_id)))
        job = self.client("glue").get_job_run(JobName=f"{_NAMES.dashed}-merge", RunId=report.job_run_id)["JobRun"]
        started = job["StartedOn"].timestamp()
        snapshot = tasks["publish.snapshot"]
        return OnChangeRun(
            files=tuple(self._read_file(file.key) for file in manifest.inbox),
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


@contextmanager
def live_stack() -> Iterator[LiveStack]:
    """A stack whose first scheduled run has caught up, with nobody else writing; ended afterwards.

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
        stack.wait_until_caught_up()
        yield stack
    finally:
        down(folder)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
