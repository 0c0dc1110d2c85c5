"""Glue job definitions: the base forgets `ExecutionProperty`, which is the merge's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

DEFAULT_CONCURRENT_RUNS = 1


class JobExecutionProperties:
    """`MaxConcurrentRuns` by job name; 1 where none was given, as in AWS."""

    def __init__(self) -> None:
        self._runs_by_job: dict[str, int] = {}

    def max_concurrent_runs(self, job_name: str) -> int:
        return self._runs_by_job.get(job_name, DEFAULT_CONCURRENT_RUNS)

    def keep(self, job_name: str, definition: Json) -> None:
        runs = (definition.get("ExecutionProperty") or {}).get("MaxConcurrentRuns")
        if runs is not None:
            self._runs_by_job[job_name] = int(runs)

    def forget(self, job_name: str) -> None:
        self._runs_by_job.pop(job_name, None)

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
    answer = await _pass(call, aws)
    aws.job_execution.keep(call.body["JobName"], call.body.get("JobUpdate") or {})
    return answer


async def delete_job(call: Call, aws: LocalAws) -> Json:
    answer = await _pass(call, aws)
    aws.job_execution.forget(call.body["JobName"])
    return answer


async def get_job(call: Call, aws: LocalAws) -> Json:
    return {"Job": aws.job_execution.complete((await _pass(call, aws))["Job"])}


async def get_jobs(call: Call, aws: LocalAws) -> Json:
    answer = await _pass(call, aws)
    return {**answer, "Jobs": [aws.job_execution.complete(job) for job in answer["Jobs"]]}


HANDLERS: dict[str, Handler] = {
    "AWSGlue.CreateJob": create_job,
    "AWSGlue.UpdateJob": update_job,
    "AWSGlue.DeleteJob": delete_job,
    "AWSGlue.GetJob": get_job,
    "AWSGlue.GetJobs": get_jobs,
}
