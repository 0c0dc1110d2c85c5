"""What is known of each query execution, and of the process's executions together."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.results import ResultSet
from include.local_aws.athena.statements import Statement
from include.local_aws.calls import AwsError, Call, Json
from include.local_aws.core import LocalAws
from include.local_aws.faults import Fault

if TYPE_CHECKING:
    from include.local_aws.athena.engine import QueryRun

_SUFFIXES = {True: "csv", False: "txt"}
# Of Athena's error catalog: an internal service error (category 1), and a query that cannot be right (2).
_SYSTEM, _INTERNAL_ERROR, _QUERY_ERROR = 1, 100, 1306


@dataclass
class Execution:
    """One query execution. `output_prefix` is the result location with its closing slash, `fault` an armed one that fails it."""

    call: Call
    statement: Statement
    workgroup: str
    output_prefix: str
    database: str
    parameters: list[str]
    cutoff_bytes: int | None
    encryption: Json
    submitted_at: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str = ""
    error_category: int = 2
    started_at: datetime | None = None
    completed_at: datetime | None = None
    bytes_scanned: int = 0
    result: ResultSet | None = None
    run: QueryRun | None = None
    fault: Fault | None = None

    @property
    def output_location(self) -> str:
        """`s3://bucket/prefix/<id>.csv`; statements that are not queries leave a `.txt`."""
        return f"{self.output_prefix}{self.id}.{_SUFFIXES[self.statement.kind == 'query']}"

    @property
    def is_over(self) -> bool:
        return self.completed_at is not None

    def finish(self, state: str, now: datetime, reason: str = "") -> None:
        """Reach a final state, once."""
        if not self.is_over:
            self.state, self.reason, self.completed_at = state, reason, now

    def fail(self, error: QueryFailedError, now: datetime) -> None:
        self.error_category = error.category
        self.finish("FAILED", now, str(error))

    def as_aws(self, now: datetime) -> Json:
        """The execution as QueryExecution; instants are epoch seconds."""
        configuration: Json = {"OutputLocation": self.output_location}
        if self.encryption:
            configuration["EncryptionConfiguration"] = self.encryption
        context = {"Database": self.database, "Catalog": "awsdatacatalog"} if self.database else {}
        described: Json = {
            "QueryExecutionId": self.id, "Query": self.statement.sql, "StatementType": self.statement.statement_type,
            "SubstatementType": self.statement.substatement_type, "WorkGroup": self.workgroup,
            "ResultConfiguration": configuration, "QueryExecutionContext": context, "Status": self._status(),
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "Statistics": self._statistics(now),
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
        }  # fmt: skip
        return described | ({"ExecutionParameters": self.parameters} if self.parameters else {})

    def _status(self) -> Json:
        status: Json = {"State": self.state, "SubmissionDateTime": self.submitted_at.timestamp()}
        if self.completed_at is not None:
            status["CompletionDateTime"] = self.completed_at.timestamp()
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            is_system = self.error_category == _SYSTEM
            status["AthenaError"] = {
                "ErrorCategory": self.error_category, "ErrorType": _INTERNAL_ERROR if is_system else _QUERY_ERROR,
                "Retryable": is_system, "ErrorMessage": self.reason,
            }  # fmt: skip
        return status

    def _statistics(self, now: datetime) -> Json:
        end = self.completed_at or now
        started = self.started_at or end
        return {
            "DataScannedInBytes": self.bytes_scanned,
            "EngineExecutionTimeInMillis": _milliseconds(started, end),
            "QueryQueueTimeInMillis": _milliseconds(self.submitted_at, started),
            "TotalExecutionTimeInMillis": _milliseconds(self.submitted_at, end),
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))


class Executions:
    """The executions of one local AWS, the newest last."""

    def __init__(self) -> None:
        self._by_id: dict[str, Execution] = {}
        self._by_token: dict[tuple[str, str], tuple[Any, str]] = {}

    def add(self, execution: Execution) -> None:
        self._by_id[execution.id] = execution

    def of_token(self, workgroup: str, token: str, request: Any) -> str | None:
        """The execution that this ClientRequestToken started. Raises AwsError when its request was another one."""
        seen = self._by_token.get((workgroup, token))
        if seen is not None and seen[0] != request:
            raise AwsError(
                "InvalidRequestException",
                "Idempotent parameters do not match: this ClientRequestToken started another query",
            )
        return seen[1] if seen else None

    def remember_token(self, workgroup: str, token: str, request: Any, execution_id: str) -> None:
        self._by_token[(workgroup, token)] = (request, execution_id)

    def get(self, execution_id: str) -> Execution:
        """Raises AwsError for an unknown id."""
        found = self._by_id.get(execution_id)
        if found is None:
            raise AwsError("InvalidRequestException", f"QueryExecution {execution_id} was not found")
        return found

    def known(self, execution_id: str) -> Execution | None:
        return self._by_id.get(execution_id)

    def of_workgroup(self, workgroup: str) -> list[Execution]:
        """The newest first."""
        return [one for one in reversed(self._by_id.values()) if one.workgroup == workgroup]


_EXECUTIONS: WeakKeyDictionary[LocalAws, Executions] = WeakKeyDictionary()


def executions_of(aws: LocalAws) -> Executions:
    """The store that belongs to this local AWS."""
    return _EXECUTIONS.setdefault(aws, Executions())
