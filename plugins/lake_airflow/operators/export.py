"""Export one item of one source, deferred; a finished or running export of the same item is reused, never paid twice."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError

from include.dynamo_lake.coverage import FullExport, PlanItem, item_from_json
from include.dynamo_lake.manifests import export_prefix
from include.dynamo_lake.windows import format_instant
from lake_airflow.aws import Clients, error_code, error_message
from lake_airflow.errors import DeadlineError, ExportFailedError, ExportRefusedError, WaitFailedError
from lake_airflow.exports import Attempt, build_export_request, failure_of, find_attempts
from lake_airflow.links import ExportLink
from lake_airflow.policy import EXPORT_CEILING
from lake_airflow.triggers.base import ENDED, LATE
from lake_airflow.triggers.export import ExportEndedTrigger, PauseTrigger

MAX_SPENT_ATTEMPTS = 20
_REMEDIES = {
    "TableNotFoundException": "create the table, or correct its name in the declaration",
    "PointInTimeRecoveryUnavailableException": "switch point-in-time recovery on, then run the bootstrap DAG: "
    "what was written without it can only be read whole",
    "InvalidExportTimeException": "point-in-time recovery does not reach that time; run the bootstrap DAG to read the table whole",
    "ExportConflictException": "another export used the same token with other parameters: somebody else makes tokens as this package does; "
    "wait 8 hours after that export ended",
    "AccessDeniedException": "give Airflow's role the right that the message names",
}
_TRANSIENT = {"LimitExceededException": "300 exports run at once in this account: a retry waits for one to end"}


class DynamoDBExportOperator(BaseOperator):
    """Export a window or a full table with point-in-time recovery, and hand back where it lies.

    ``item``: a plan item as JSON, for example ``{"kind": "window", "start": "…Z", "end": "…Z"}``. Waits first until the
    table's ``LatestRestorableDateTime`` has passed the item's end. An earlier export below the same prefix is reused in any
    run. ``key_arn``: the KMS key of the files; None: as the bucket encrypts. Returns ``{"source", "item", "export_arn", "prefix"}``.
    """

    template_fields: Sequence[str] = ("source", "item", "table_arn", "bucket", "key_arn")
    operator_extra_links = (ExportLink(),)

    def __init__(
        self,
        *,
        source: str,
        item: dict[str, str],
        table_arn: str,
        bucket: str,
        key_arn: str | None = None,
        poll_s: int = 30,
        ceiling: timedelta = EXPORT_CEILING,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.item = item
        self.table_arn = table_arn
        self.bucket = bucket
        self.key_arn = key_arn
        self.poll_s = poll_s
        self.ceiling = ceiling
        self.aws_conn_id = aws_conn_id

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.aws_conn_id)

    @cached_property
    def plan_item(self) -> PlanItem:
        return item_from_json(self.item)

    @cached_property
    def prefix(self) -> str:
        return export_prefix(self.source, self.plan_item)

    def execute(self, context: Any, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        deadline = event["deadline"] if event else time.time() + self.ceiling.total_seconds()
        attempts = self._find_attempts()
        usable = next((one for state in ("finished", "running") for one in attempts if one.state == state), None)
        if usable is None:
            self._wait_until_restorable(deadline)
            usable = self._start(sum(one.state == "failed" for one in attempts))
        ExportLink.push(context, self.clients.dynamodb.meta.region_name, export_arn=usable.export_arn)
        if usable.state == "finished":
            self.log.info("Reusing the finished export %s", usable.export_arn)
            return self._result(usable.export_arn)
        raise self._until_ended(usable.export_arn, deadline)

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> dict[str, Any]:
        export_arn = event["export_arn"]
        description = self.clients.dynamodb.describe_export(ExportArn=export_arn)["ExportDescription"]
        if description["ExportStatus"] == "COMPLETED":
            return self._result(export_arn)
        if description["ExportStatus"] == "FAILED":
            raise ExportFailedError(
                f"The export of {self._named} failed: {failure_of(description)} ({export_arn}). The next try starts another; for a "
                "right or a key that was refused, give it back"
            )
        if event["status"] == ENDED:
            raise self._until_ended(export_arn, event["deadline"])
        if event["status"] != LATE:
            raise WaitFailedError(
                f"Waiting for the export of {self._named} failed: {event['message']}. It goes on ({export_arn}); the next try takes it up"
            )
        raise DeadlineError(
            f"The export of {self._named} did not end within {self.ceiling} ({event['message']}): {export_arn}. It cannot be "
            "cancelled and goes on; the next try or run takes it up where it is"
        )

    @property
    def label(self) -> str:
        """Source and window in few words, for ``map_index_template``."""
        item = self.plan_item
        if isinstance(item, FullExport):
            return f"{self.source}, whole, {item.at:%Y-%m-%d %H:%M}"
        day = "" if item.start.date() == item.end.date() else "%Y-%m-%d "
        return f"{self.source} {item.start:%Y-%m-%d %H:%M} to {item.end:{day}%H:%M}"

    @property
    def _named(self) -> str:
        return f"{self.plan_item} of source {self.source}"

    def _find_attempts(self) -> tuple[Attempt, ...]:
        return find_attempts(self.clients.s3, self.clients.dynamodb, self.bucket, self.prefix, self.table_arn)

    def _wait_until_restorable(self, deadline: float) -> None:
        table = self.table_arn.rpartition("/")[2]
        backups = self._call(lambda: self.clients.dynamodb.describe_continuous_backups(TableName=table))
        recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        latest: datetime | None = recovery.get("LatestRestorableDateTime")
        if latest is None:
            remedy = _REMEDIES["PointInTimeRecoveryUnavailableException"]
            raise ExportRefusedError(f"Table {table} of source {self.source} has no point-in-time recovery: {remedy}")
        missing = self.plan_item.end - latest
        if missing <= timedelta(0):
            return
        pause_s = max(missing.total_seconds(), self.poll_s)
        if time.time() + pause_s > deadline:
            raise DeadlineError(
                f"{self._named} ends {missing} after what table {table} can restore ({format_instant(latest)}), and this task "
                f"waits {self.ceiling} at most: look whether point-in-time recovery was switched off"
            )
        self.log.info("Table %s can restore up to %s; looking again in %d s", table, format_instant(latest), pause_s)
        raise TaskDeferred(trigger=PauseTrigger(until=time.time() + pause_s, deadline=deadline), method_name="execute")

    def _start(self, spent_attempts: int) -> Attempt:
        """Start the next attempt; its token finds the same attempt again after a lost answer.

        Spent is an attempt that failed, and one that completed and whose files somebody has deleted since.
        """
        for spent in range(spent_attempts, spent_attempts + MAX_SPENT_ATTEMPTS):
            request = build_export_request(
                self.bucket, self.prefix, self.table_arn, self.plan_item, self.key_arn, spent
            )
            answer = self._call(lambda request=request: self.clients.dynamodb.export_table_to_point_in_time(**request))
            description = answer["ExportDescription"]
            arn, status = description["ExportArn"], description["ExportStatus"]
            if status == "IN_PROGRESS":
                return Attempt(arn, "running")
            if status == "COMPLETED" and (found := Attempt(arn, "finished")) in self._find_attempts():
                return found
            ended = "its files are gone" if status == "COMPLETED" else failure_of(description)
            self.log.info("Attempt %d was made before: %s (%s)", spent + 1, ended, arn)
        raise ExportRefusedError(
            f"{MAX_SPENT_ATTEMPTS} exports of {self._named} have failed, the last with {ended} ({arn}): mend that, then clear this task"
        )

    def _call(self, request: Any) -> Any:
        try:
            return request()
        except ClientError as error:
            code, message = error_code(error), error_message(error)
            if code in _TRANSIENT:
                raise ExportFailedError(f"{self._named}: {code}: {message}. {_TRANSIENT[code]}") from error
            if code in _REMEDIES:
                raise ExportRefusedError(f"{self._named}: {code}: {message}. Remedy: {_REMEDIES[code]}") from error
            raise

    def _until_ended(self, export_arn: str, deadline: float) -> TaskDeferred:
        trigger = ExportEndedTrigger(
            export_arn=export_arn, deadline=deadline, waiter_delay=self.poll_s, aws_conn_id=self.aws_conn_id
        )
        return TaskDeferred(trigger=trigger, method_name="execute_complete")

    def _result(self, export_arn: str) -> dict[str, Any]:
        return {
            "source": self.source,
            "item": self.item,
            "export_arn": export_arn,
            "prefix": f"s3://{self.bucket}/{self.prefix}",
        }
