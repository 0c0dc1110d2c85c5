"""Queries of Athena, logs of CloudWatch, one queue of SQS."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.plugins.fakes.answers import Meta


@dataclass
class FakeAthena:
    """Queries by id; ``rows`` are what the next result holds, the header first."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    meta = Meta()

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"QueryExecutionId": f"q{len(self.requests)}"}

    def get_query_execution(self, *, QueryExecutionId: str) -> dict[str, Any]:
        return {"QueryExecution": {"Query": f"SELECT {QueryExecutionId}", **self.states[QueryExecutionId]}}

    def get_query_results(self, *, QueryExecutionId: str, MaxResults: int) -> dict[str, Any]:
        rows = [{"Data": [{"VarCharValue": value} for value in row]} for row in self.rows[:MaxResults]]
        return {"ResultSet": {"Rows": rows}}

    def stop_query_execution(self, *, QueryExecutionId: str) -> None:
        self.stopped.append(QueryExecutionId)


@dataclass
class FakeLogs:
    """Messages by log group and stream."""

    messages: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> None:
        self.messages.setdefault((logGroupName, logStreamName), [])

    def put_log_events(self, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> None:
        self.messages[logGroupName, logStreamName] += [event["message"] for event in logEvents]


@dataclass
class FakeSqs:
    """Messages of one queue by id. ``received``: they are hidden until they are deleted."""

    messages: dict[str, str] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, WaitTimeSeconds: int) -> dict[str, Any]:
        ids = [one for one in self.messages if one not in self.received][:MaxNumberOfMessages]
        self.received |= set(ids)
        messages = [{"MessageId": one, "ReceiptHandle": one, "Body": self.messages[one]} for one in ids]
        return {"Messages": messages} if messages else {}

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> None:
        for entry in Entries:
            del self.messages[entry["ReceiptHandle"]]
