"""Runs of the merge job: find a batch's own, judge how one ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.dynamo_lake import errors as domain_errors
from include.dynamo_lake.errors import LakeError, TerminalError
from lake_airflow.errors import MergeFailedError, MergeRefusedError

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

BATCH_ARGUMENT = "--batch_id"
SUCCEEDED = "SUCCEEDED"
UNDER_WAY = ("STARTING", "RUNNING", "WAITING")
STOPPING = "STOPPING"
# One run holds the job (MaxConcurrentRuns), and it is among the newest.
_NEWEST = 50
# Whether a new run can end better, and what to do; FAILED is judged by its error's name.
_ENDINGS: dict[str, tuple[type[LakeError], str]] = {
    "FAILED": (MergeFailedError, "the message and the job's error log say why"),
    "ERROR": (MergeFailedError, "Glue could not run it; a retry starts it again"),
    "EXPIRED": (MergeFailedError, "it waited too long for capacity; a retry starts it again"),
    "STOPPED": (MergeRefusedError, "somebody stopped it; clear this task to run it again"),
    "TIMEOUT": (
        MergeRefusedError,
        "raise MergeTimeoutMinutes or MergeWorkers of the stack, then clear this task",
    ),
}


def find_batch_run(
    glue: GlueClient, job_name: str, batch_id: str, not_before: datetime | None
) -> Mapping[str, Any] | None:
    """Find the run that counts for a batch, in any state: one that succeeded, else one under way, else the newest.

    ``not_before``: no run of the batch is older (AWS's clock), so that the search of the history, newest first, can end there.
    """
    runs = [
        run
        for run in _runs_since(glue, job_name, not_before)
        if run.get("Arguments", {}).get(BATCH_ARGUMENT) == batch_id
    ]
    return _first(runs, (SUCCEEDED,)) or _first(runs, UNDER_WAY) or (runs[0] if runs else None)


def is_job_taken(glue: GlueClient, job_name: str) -> bool:
    """Whether a run of the job is under way, one that is being stopped too."""
    runs = glue.get_job_runs(JobName=job_name, MaxResults=_NEWEST)["JobRuns"]
    return _first(runs, (*UNDER_WAY, STOPPING)) is not None


def error_of(job_name: str, run: Mapping[str, Any]) -> LakeError:
    """Build the error of a run that did not succeed, with Glue's own text and the remedy."""
    state = run["JobRunState"]
    text = run.get("ErrorMessage") or "Glue gives no reason"
    kind, remedy = _ENDINGS.get(state, (MergeFailedError, "a state that this code does not know"))
    if state == "FAILED" and _names_terminal_error(text):
        kind = MergeRefusedError
    return kind(f"Run {run['Id']} of job {job_name} ended as {state}: {text}. Remedy: {remedy}")


def _runs_since(glue: GlueClient, job_name: str, not_before: datetime | None) -> Iterator[Mapping[str, Any]]:
    for page in glue.get_paginator("get_job_runs").paginate(JobName=job_name):
        for run in page["JobRuns"]:
            if not_before is not None and run["StartedOn"] < not_before:
                return
            yield run


def _first(runs: Iterable[Mapping[str, Any]], states: tuple[str, ...]) -> Mapping[str, Any] | None:
    return next((run for run in runs if run["JobRunState"] in states), None)


def _names_terminal_error(text: str) -> bool:
    """Whether the job's error is one of the domain's terminal ones, by its class name (``ChangeFileError: …``)."""
    known = (value for value in vars(domain_errors).values() if isinstance(value, type))
    names = [error.__name__ for error in known if issubclass(error, TerminalError)]
    return any(f"{name}:" in text for name in names)
