"""Waits for a Glue job: for the end of a run, and for its slot."""

from __future__ import annotations

from lake_airflow.triggers.base import DeadlineTrigger


class JobRunEndedTrigger(DeadlineTrigger):
    """Wait until a job run is in a terminal state; stop the run when a person kills the waiting task."""

    service = "glue"

    def __init__(
        self, *, job_name: str, run_id: str, deadline: float, waiter_delay: int, aws_conn_id: str | None = "aws_default"
    ) -> None:
        super().__init__(
            deadline=deadline,
            serialized_fields={"job_name": job_name, "run_id": run_id},
            waiter_name="job_run_ended",
            waiter_args={"JobName": job_name, "RunId": run_id},
            status_message=f"Run {run_id} of job {job_name}",
            status_queries=["JobRun.JobRunState"],
            return_key="run_id",
            return_value=run_id,
            waiter_delay=waiter_delay,
            aws_conn_id=aws_conn_id,
        )
        self.job_name = job_name
        self.run_id = run_id

    async def on_kill(self) -> None:
        async with await self.hook().get_async_conn() as client:  # type: ignore[no-untyped-call]
            await client.batch_stop_job_run(JobName=self.job_name, JobRunIds=[self.run_id])
        self.log.info("Asked Glue to stop run %s of job %s: its task was killed", self.run_id, self.job_name)


class JobSlotTrigger(DeadlineTrigger):
    """Wait until no run of a job is under way. Whoever wins the slot then is for Glue to say."""

    service = "glue"

    def __init__(
        self, *, job_name: str, deadline: float, waiter_delay: int, aws_conn_id: str | None = "aws_default"
    ) -> None:
        super().__init__(
            deadline=deadline,
            serialized_fields={"job_name": job_name},
            waiter_name="job_slot_free",
            waiter_args={"JobName": job_name, "MaxResults": 50},
            status_message=f"Job {job_name} is taken",
            status_queries=["JobRuns[0].Id", "JobRuns[0].JobRunState"],
            return_key="job_name",
            return_value=job_name,
            waiter_delay=waiter_delay,
            aws_conn_id=aws_conn_id,
        )
