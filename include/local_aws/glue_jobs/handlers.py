"""Glue's operations on job runs."""

from __future__ import annotations

import json

from include.local_aws.calls import AwsError, Call, Handler, Json
from include.local_aws.core import LocalAws
from include.local_aws.glue_jobs.execution import execute_run, stop_process
from include.local_aws.glue_jobs.runs import JobRun, new_run_id, runs_of

_DEFAULT_TIMEOUT_MINUTES = 480
_MOST_TIMEOUT_MINUTES = 10_080
_MOST_LISTED = 200
_START_MEMBERS = frozenset({"JobName", "Arguments", "Timeout", "NumberOfWorkers", "WorkerType", "ExecutionClass"})


async def start_job_run(call: Call, aws: LocalAws) -> Json:
    """Start a run, or refuse it: unknown job, or as many runs as MaxConcurrentRuns allows."""
    aws.enforce_own(call)
    _check_start(call.body)
    job = await _job(call, aws)
    runs, most = runs_of(aws), aws.job_execution.max_concurrent_runs(job["Name"])
    if runs.active(job["Name"]) >= most:
        message = f"Concurrent runs exceeded for {job['Name']}: {most} of {most} are running. Wait for one to end"
        raise AwsError("ConcurrentRunsExceededException", message)
    arguments = {str(name): str(value) for name, value in (call.body.get("Arguments") or {}).items()}
    run = JobRun(
        new_run_id(), job, arguments, int(call.body.get("Timeout") or job.get("Timeout") or _DEFAULT_TIMEOUT_MINUTES),
        aws.clock.now(), workers=int(call.body.get("NumberOfWorkers") or job.get("NumberOfWorkers") or 2),
        worker_type=str(call.body.get("WorkerType") or job.get("WorkerType") or "G.1X"),
        fault=aws.faults.take_outcome(call.target, json.dumps(call.body)),
    )  # fmt: skip
    runs.add(run)
    aws.background(execute_run(run, aws))
    return {"JobRunId": run.id}


def _check_start(body: Json) -> None:
    """Raise for what AWS refuses, and for what nothing here would act on."""
    timeout = body.get("Timeout")
    if timeout is not None and not 1 <= int(timeout) <= _MOST_TIMEOUT_MINUTES:
        raise AwsError(
            "InvalidInputException", f"Timeout is {timeout}: it must be 1 to {_MOST_TIMEOUT_MINUTES} minutes"
        )
    if "MaxCapacity" in body and ("NumberOfWorkers" in body or "WorkerType" in body):
        message = "Please do not set both Max Capacity and Worker Type/Number of Workers."
        raise AwsError("InvalidInputException", message)
    ignored = [name for name in sorted(body.keys() - _START_MEMBERS) if body[name]]
    if body.get("ExecutionClass", "STANDARD") != "STANDARD":
        ignored.append("ExecutionClass")
    if ignored:
        raise AwsError("NotImplementedByLocalAws", f"local AWS would ignore {', '.join(ignored)} of a job run", 501)


async def get_job_run(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    return {"JobRun": runs_of(aws).get(call.body["JobName"], str(call.body.get("RunId"))).as_aws()}


async def get_job_runs(call: Call, aws: LocalAws) -> Json:
    """The runs of a job, the newest first, page by page."""
    aws.enforce_own(call)
    job = await _job(call, aws)
    size, token = int(call.body.get("MaxResults") or _MOST_LISTED), str(call.body.get("NextToken") or "0")
    if not 1 <= size <= _MOST_LISTED or not token.isdigit():
        raise AwsError("InvalidInputException", f"MaxResults is {size} (1 to {_MOST_LISTED}), NextToken {token!r}")
    start, found = int(token), runs_of(aws).of_job(job["Name"])
    following = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {"JobRuns": [run.as_aws() for run in found[start : start + size]], **following}


async def batch_stop_job_run(call: Call, aws: LocalAws) -> Json:
    """Ask runs to stop: STOPPING at once, STOPPED when their processes are gone."""
    aws.enforce_own(call)
    name = (await _job(call, aws))["Name"]
    stopped, errors = [], []
    for run_id in call.body.get("JobRunIds") or []:
        run = runs_of(aws).find(name, run_id)
        named = {"JobName": name, "JobRunId": run_id}
        if run is None:
            detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"Job Run {run_id} is not found"}
            errors.append({**named, "ErrorDetail": detail})
        elif not run.is_active:
            detail = {
                "ErrorCode": "JobRunInTerminalStateException",
                "ErrorMessage": f"Job Run is in terminal state {run.state}",
            }
            errors.append({**named, "ErrorDetail": detail})
        else:
            run.stop_requested = True
            run.move("STOPPING", aws.clock.now())
            aws.background(stop_process(run))
            stopped.append(named)
    return {"SuccessfulSubmissions": stopped, "Errors": errors}


async def _job(call: Call, aws: LocalAws) -> Json:
    found: Json = (await aws.forward("AWSGlue.GetJob", {"JobName": call.body.get("JobName")}))["Job"]
    return found


HANDLERS: dict[str, Handler] = {
    "AWSGlue.StartJobRun": start_job_run,
    "AWSGlue.GetJobRun": get_job_run,
    "AWSGlue.GetJobRuns": get_job_runs,
    "AWSGlue.BatchStopJobRun": batch_stop_job_run,
}
