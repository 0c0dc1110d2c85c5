"""Glue job definitions: the base forgets `ExecutionProperty`, which is the merge's lock, and updates members one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

DEFAULT_CONCURRENT_RUNS = 1
# What an update that does not name them makes of a definition: AWS writes it over as a whole.
_UNNAMED: Json = {
    "Description": "", "DefaultArguments": {}, "NonOverridableArguments": {}, "Connections": {}, "MaxRetries": 0, "Timeout": 480,
    "GlueVersion": "0.9", "NumberOfWorkers": None, "WorkerType": None, "MaxCapacity": None, "SecurityConfiguration": "",
}  # fmt: skip


class JobExecutionProperties:
    """`MaxConcurrentRuns` by job name; 1 where none was given, as in AWS."""

    def __init__(self) -> None:
        self._runs_by_job: dict[str, int] = {}

    def max_concurrent_runs(self, job_name: str) -> int:
        return self._runs_by_job.get(job_name, DEFAULT_CONCURRENT_RUNS)

    def keep(self, job_name: str, definition: Json) -> None:
        """What a new or updated definition says, whatever the one before it said."""
        runs = (definition.get("ExecutionProperty") or {}).get("MaxConcurrentRuns")
        self._runs_by_job[job_name] = DEFAULT_CONCURRENT_RUNS if runs is None else int(runs)

    def complete(self, job: Json) -> Json:
        """The base's description with what it forgot."""
        return {**job, "ExecutionProperty": {"MaxConcurrentRuns": self.max_concurrent_runs(job["Name"])}}


async def _pass(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    return await aws.forward(call.target, call.body)


async def create_job(call: Call, aws: LocalAws) -> Json:
    answer = await _pass(call, aws)
    aws.job_execution.keep(call.body["Name"], call.body)
    return answer


async def update_job(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    update = call.body.get("JobUpdate") or {}
    answer = await aws.forward(call.target, {**call.body, "JobUpdate": {**_UNNAMED, **update}})
    aws.job_execution.keep(call.body["JobName"], update)
    return answer


async def get_job(call: Call, aws: LocalAws) -> Json:
    return {"Job": aws.job_execution.complete((await _pass(call, aws))["Job"])}


async def get_jobs(call: Call, aws: LocalAws) -> Json:
    answer = await _pass(call, aws)
    return {**answer, "Jobs": [aws.job_execution.complete(job) for job in answer["Jobs"]]}


HANDLERS: dict[str, Handler] = {
    "AWSGlue.CreateJob": create_job,
    "AWSGlue.UpdateJob": update_job,
    "AWSGlue.GetJob": get_job,
    "AWSGlue.GetJobs": get_jobs,
}
