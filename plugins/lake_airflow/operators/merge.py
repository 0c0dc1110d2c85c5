"""Run the merge job for one batch: at most one run counts, whatever was retried, cleared or killed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError

from lake_airflow.aws import Clients, error_code
from lake_airflow.errors import DeadlineError, WaitFailedError
from lake_airflow.job_runs import BATCH_ARGUMENT, STOPPING, SUCCEEDED, UNDER_WAY, error_of, find_batch_run
from lake_airflow.links import JobRunLink
from lake_airflow.policy import MERGE_MARGIN, SLOT_CEILING
from lake_airflow.triggers.base import ENDED, LATE
from lake_airflow.triggers.glue import JobRunEndedTrigger, JobSlotTrigger

# Clocks of one AWS account agree; the stamp of a batch is rounded down to its second.
_CLOCK_SLACK = timedelta(minutes=5)


class GlueBatchOperator(BaseOperator):
    """Run a Glue job for one batch, deferred, and return the id of the run that succeeded.

    A run of the same batch is looked for first, in any state: one that succeeded is taken, one under way is waited for, after
    a failed or stopped one another is started. Where another run holds the job (``MaxConcurrentRuns``), waits for the slot, up to
    ``slot_ceiling``. The run's own ceiling is the job's timeout and ten minutes. Killing the task stops the run.

    ``batch_since``: ISO instant that no run of the batch is older than (None: the whole history is searched).
    """

    template_fields: Sequence[str] = ("job_name", "batch_id", "arguments", "batch_since")
    template_fields_renderers: ClassVar[dict[str, str]] = {"arguments": "json"}
    operator_extra_links = (JobRunLink(),)

    def __init__(
        self,
        *,
        job_name: str,
        batch_id: str,
        arguments: dict[str, str],
        batch_since: str | None = None,
        poll_s: int = 30,
        slot_ceiling: timedelta = SLOT_CEILING,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.batch_id = batch_id
        self.arguments = arguments
        self.batch_since = batch_since
        self.poll_s = poll_s
        self.slot_ceiling = slot_ceiling
        self.aws_conn_id = aws_conn_id
        self.run_id: str | None = None

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.aws_conn_id)

    def execute(self, context: Any, event: Mapping[str, Any] | None = None) -> str:
        run = self._find_run()
        if run is None or run["JobRunState"] not in {SUCCEEDED, *UNDER_WAY}:
            self.run_id = self._start(event)
        else:
            self.run_id = str(run["Id"])
            self.log.info("Batch %s already has run %s, %s", self.batch_id, self.run_id, run["JobRunState"])
        region = self.clients.glue.meta.region_name
        JobRunLink.push(context, region, job_name=self.job_name, run_id=self.run_id)
        if run is not None and run["JobRunState"] == SUCCEEDED:
            return self.run_id
        raise self._until_ended(self.run_id, time.time() + self._run_ceiling().total_seconds())

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> str:
        self.run_id = str(event["run_id"])
        run = self.clients.glue.get_job_run(JobName=self.job_name, RunId=self.run_id)["JobRun"]
        state = run["JobRunState"]
        if state == SUCCEEDED:
            self.log.info(
                "Run %s of job %s succeeded in %s s", self.run_id, self.job_name, run.get("ExecutionTime", "?")
            )
            return self.run_id
        if state not in {STOPPING, *UNDER_WAY}:
            raise error_of(self.job_name, run)
        if event["status"] == ENDED:
            raise self._until_ended(self.run_id, event["deadline"])
        if event["status"] != LATE:
            raise WaitFailedError(
                f"Waiting for run {self.run_id} of job {self.job_name} failed: {event['message']}. The run is {state} and goes on; "
                "the next try takes it up"
            )
        self.on_kill()
        raise DeadlineError(
            f"Run {self.run_id} of job {self.job_name} is still {state} at its ceiling ({event['message']}) and was stopped: "
            "look at the job's log, and at its timeout"
        )

    def on_kill(self) -> None:
        """Stop the run that this task started or took up."""
        if self.run_id is not None:
            self.clients.glue.batch_stop_job_run(JobName=self.job_name, JobRunIds=[self.run_id])
            self.log.info("Asked Glue to stop run %s of job %s", self.run_id, self.job_name)

    def _find_run(self) -> Mapping[str, Any] | None:
        since = datetime.fromisoformat(self.batch_since) - _CLOCK_SLACK if self.batch_since else None
        return find_batch_run(self.clients.glue, self.job_name, self.batch_id, since)

    def _start(self, event: Mapping[str, Any] | None) -> str:
        arguments = {**self.arguments, BATCH_ARGUMENT: self.batch_id}
        try:
            return self.clients.glue.start_job_run(JobName=self.job_name, Arguments=arguments)["JobRunId"]
        except ClientError as error:
            if error_code(error) != "ConcurrentRunsExceededException":
                raise
        raise self._until_slot_free(event["deadline"] if event else time.time() + self.slot_ceiling.total_seconds())

    def _until_slot_free(self, deadline: float) -> TaskDeferred:
        if time.time() >= deadline:
            raise DeadlineError(
                f"Job {self.job_name} was taken by other runs for {self.slot_ceiling}: look which runs those are in Glue's "
                "console; the batch is untouched, and the next run takes its windows up"
            )
        self.log.info("Job %s is taken by another run; waiting for it", self.job_name)
        trigger = JobSlotTrigger(
            job_name=self.job_name, deadline=deadline, waiter_delay=self.poll_s, aws_conn_id=self.aws_conn_id
        )
        return TaskDeferred(trigger=trigger, method_name="execute")

    def _until_ended(self, run_id: str, deadline: float) -> TaskDeferred:
        trigger = JobRunEndedTrigger(
            job_name=self.job_name,
            run_id=run_id,
            deadline=deadline,
            waiter_delay=self.poll_s,
            aws_conn_id=self.aws_conn_id,
        )
        return TaskDeferred(trigger=trigger, method_name="execute_complete")

    def _run_ceiling(self) -> timedelta:
        job = self.clients.glue.get_job(JobName=self.job_name)["Job"]
        return timedelta(minutes=job["Timeout"]) + MERGE_MARGIN
