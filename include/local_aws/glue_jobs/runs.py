"""Job runs as Glue knows them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from include.local_aws.calls import AwsError, Json
from include.local_aws.core import LocalAws
from include.local_aws.faults import Fault
from include.local_aws.glue_jobs.arguments import Arguments

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_DPU_BY_WORKER = {"Standard": 1.0, "G.025X": 0.25, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0, "G.8X": 8.0}


def new_run_id() -> str:
    return f"jr_{secrets.token_hex(32)}"


@dataclass
class JobRun:
    """One run. `arguments` are those of the request (what Glue shows), `job` the definition it started from.

    `fault`: an armed one that says whether the run waits, and how it ends.
    """

    id: str
    job: Json
    arguments: Arguments
    timeout_minutes: int
    started_on: datetime
    attempt: int = 0
    previous_id: str = ""
    state: str = "STARTING"
    error: str = ""
    modified_on: datetime | None = None
    completed_on: datetime | None = None
    execution_s: int = 0
    stop_requested: bool = False
    workers: int = 2
    worker_type: str = "G.1X"
    process_id: int | None = field(default=None, repr=False)
    fault: Fault | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def ends_as(self) -> str:
        """The state that its fault makes it end in; empty where none does."""
        return self.fault.ends if self.fault is not None else ""

    def move(self, state: str, now: datetime, error: str = "") -> None:
        """Enter a state; a final one ends the run."""
        self.state, self.modified_on = state, now
        if error:
            self.error = error
        if state not in ACTIVE:
            self.completed_on = now

    def as_aws(self) -> Json:
        """The run as JobRun; instants are epoch seconds."""
        capacity = self.workers * _DPU_BY_WORKER.get(self.worker_type, 1.0)
        described: Json = {
            "Id": self.id, "Attempt": self.attempt, "JobName": self.job["Name"], "JobRunState": self.state, "Arguments": self.arguments,
            "StartedOn": self.started_on.timestamp(), "LastModifiedOn": (self.modified_on or self.started_on).timestamp(),
            "PredecessorRuns": [], "AllocatedCapacity": int(capacity), "MaxCapacity": capacity, "ExecutionTime": self.execution_s,
            "Timeout": self.timeout_minutes, "WorkerType": self.worker_type, "NumberOfWorkers": self.workers,
            "LogGroupName": "/aws-glue/jobs", "GlueVersion": self.job.get("GlueVersion", "6.0"), "ExecutionClass": "STANDARD",
            "JobMode": "SCRIPT",
        }  # fmt: skip
        if self.completed_on is not None:
            described |= {
                "CompletedOn": self.completed_on.timestamp(),
                "DPUSeconds": max(60, self.execution_s) * capacity,
            }
        if self.previous_id:
            described["PreviousRunId"] = self.previous_id
        return described | ({"ErrorMessage": self.error} if self.error else {})


class JobRuns:
    """All runs of one local AWS, oldest first."""

    def __init__(self) -> None:
        self._runs: dict[str, JobRun] = {}

    def add(self, run: JobRun) -> None:
        self._runs[run.id] = run

    def of_job(self, job_name: str) -> list[JobRun]:
        """The newest first."""
        return [run for run in reversed(self._runs.values()) if run.job["Name"] == job_name]

    def under_way(self) -> list[JobRun]:
        """Of every job."""
        return [run for run in self._runs.values() if run.is_active]

    def active(self, job_name: str) -> int:
        return sum(run.is_active for run in self.of_job(job_name))

    def find(self, job_name: str, run_id: str) -> JobRun | None:
        run = self._runs.get(run_id)
        return run if run is not None and run.job["Name"] == job_name else None

    def get(self, job_name: str, run_id: str) -> JobRun:
        """Raises AwsError (EntityNotFoundException)."""
        run = self.find(job_name, run_id)
        if run is None:
            raise AwsError("EntityNotFoundException", f"Job Run {run_id} of job {job_name} is not found")
        return run


_RUNS: WeakKeyDictionary[LocalAws, JobRuns] = WeakKeyDictionary()


def runs_of(aws: LocalAws) -> JobRuns:
    """The store that belongs to this local AWS."""
    return _RUNS.setdefault(aws, JobRuns())
