"""Run one declared check through Athena, deferred, at the merged snapshot; it passes when its query finds no row."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred

from lake_airflow.aws import Clients
from lake_airflow.checking import build_check_query
from lake_airflow.errors import DeadlineError, QueryFailedError, VerificationError, WaitFailedError
from lake_airflow.links import QueryLink
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.policy import QUERY_CEILING
from lake_airflow.triggers.athena import QueryEndedTrigger
from lake_airflow.triggers.base import ENDED, LATE

SHOWN_OFFENDERS = 10
_LOOK_S = 0.25


class AthenaCheckOperator(BaseOperator):
    """Query what changed since the published snapshot; return the bytes scanned.

    A query that ends within ``patience`` is waited for in place, a longer one is waited for deferred.

    The query's token is made of its text and the try: a try that lost Athena's answer does not pay for the query twice, a new
    try after a failure asks anew.
    """

    template_fields: Sequence[str] = ("check", "batch_id", "sql")
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    # The query is known once the task runs: then it stands among its rendered templates.
    overwrite_rtif_after_execution = True
    operator_extra_links = (QueryLink(),)

    def __init__(
        self,
        *,
        pipeline: str,
        check: str,
        batch_id: str,
        poll_s: int = 30,
        patience: timedelta = timedelta(0),
        ceiling: timedelta = QUERY_CEILING,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.check = check
        self.batch_id = batch_id
        self.poll_s = poll_s
        self.patience = patience
        self.ceiling = ceiling
        self.aws_conn_id = aws_conn_id
        self.query_id: str | None = None
        self.sql: str | None = None

    @cached_property
    def lake(self) -> Lake:
        return read_lake(self.pipeline)

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.aws_conn_id)

    def execute(self, context: Any) -> int:
        self.sql = sql = build_check_query(self.lake, self.check, self.batch_id)
        self.log.info("%s", sql)
        token = hashlib.sha256(f"{self.batch_id}\n{context['ti'].try_number}\n{sql}".encode()).hexdigest()
        answer = self.clients.athena.start_query_execution(
            QueryString=sql, ClientRequestToken=token, WorkGroup=self.lake.settings.workgroup
        )
        self.query_id = answer["QueryExecutionId"]
        QueryLink.push(context, self.clients.athena.meta.region_name, query_id=self.query_id)
        deadline = time.time() + self.ceiling.total_seconds()
        if self._ends_soon(self.query_id):
            return self.execute_complete(context, {"query_id": self.query_id, "status": ENDED, "deadline": deadline})
        raise self._until_ended(self.query_id, deadline)

    def _ends_soon(self, query_id: str) -> bool:
        """Whether the query ends within the task's patience: coming back from a deferral takes longer than most checks do."""
        patient_until = time.monotonic() + self.patience.total_seconds()
        while time.monotonic() < patient_until:
            time.sleep(_LOOK_S)
            execution = self.clients.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] not in {"QUEUED", "RUNNING"}:
                return True
        return False

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> int:
        self.query_id = str(event["query_id"])
        execution = self.clients.athena.get_query_execution(QueryExecutionId=self.query_id)["QueryExecution"]
        self.sql = execution["Query"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            self._require_no_rows(self.query_id)
            return int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
        if state in {"FAILED", "CANCELLED"}:
            reason = execution["Status"].get("StateChangeReason", "Athena gives no reason")
            raise QueryFailedError(
                f"Check {self.check}: query {self.query_id} ended as {state}: {reason}. Where retries end "
                "so too, mend what Athena names: a limit of the workgroup, or a right; then let the next run come, or clear plan "
                "(the snapshots that this batch's checks read are kept for a day)"
            )
        if event["status"] == ENDED:
            raise self._until_ended(self.query_id, event["deadline"])
        self.on_kill()
        if event["status"] != LATE:
            raise WaitFailedError(
                f"Check {self.check}: waiting for query {self.query_id} failed: {event['message']}. It was stopped; the next try asks anew"
            )
        raise DeadlineError(
            f"Check {self.check}: query {self.query_id} is still {state} after {self.ceiling} ({event['message']}) and was stopped: look "
            "at the query in Athena's history (many queries queued? how much it scans?), then let the next run come, or clear plan"
        )

    def on_kill(self) -> None:
        """Stop the query that this task started."""
        if self.query_id is not None:
            self.clients.athena.stop_query_execution(QueryExecutionId=self.query_id)

    def _require_no_rows(self, query_id: str) -> None:
        results = self.clients.athena.get_query_results(QueryExecutionId=query_id, MaxResults=SHOWN_OFFENDERS + 1)
        header, *rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in results["ResultSet"]["Rows"]]
        if not rows:
            return
        offenders = "\n".join(
            "  " + ", ".join(f"{name}={value}" for name, value in zip(header, row, strict=True)) for row in rows
        )
        raise VerificationError(
            f"Check {self.check} found rows that should not be, the first {len(rows)}:\n{offenders}\n"
            "Readers keep the previous snapshot. Mend the items in DynamoDB (the next run checks them again), or the declaration; "
            f"where both are right, {self.lake.names.dag_id('reconcile')} with rebuild makes the rows anew"
        )

    def _until_ended(self, query_id: str, deadline: float) -> TaskDeferred:
        trigger = QueryEndedTrigger(
            query_id=query_id, deadline=deadline, waiter_delay=self.poll_s, aws_conn_id=self.aws_conn_id
        )
        return TaskDeferred(trigger=trigger, method_name="execute_complete")
