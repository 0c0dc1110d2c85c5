"""Small stand-ins for AWS clients that decide as AWS does, with rivals and failures that a test places between two calls."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

NOW = datetime(2026, 11, 24, 2, 0, 3, tzinfo=UTC)
DATE = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 24 Nov 2026 02:00:03 GMT"}}}
REGION = "eu-central-1"


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Meta:
    region_name = REGION


class Pages:
    """A paginator over one answer."""

    def __init__(self, answer: Callable[..., dict[str, Any]]) -> None:
        self.answer = answer

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield self.answer(**arguments)


@dataclass
class FakeS3:
    """Objects by key. ``before_put`` is called once before the next put: the place of a rival. ``stuck``: objects that cannot
    be copied, with the code of the refusal.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    before_put: list[Callable[[], None]] = field(default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def etag(self, key: str) -> str:
        return f'"{hash(self.objects[key])}"'

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": self.etag(Key), **self.date}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **condition: Any) -> None:
        if self.before_put:
            self.before_put.pop()()
        if condition.get("IfNoneMatch") == "*" and Key in self.objects:
            raise refusal("PreconditionFailed")
        if "IfMatch" in condition and (Key not in self.objects or condition["IfMatch"] != self.etag(Key)):
            raise refusal("PreconditionFailed")
        self.objects[Key] = Body

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:
        if CopySource["Key"] not in self.objects:
            raise refusal("NoSuchKey")
        if CopySource["Key"] in self.stuck:
            raise refusal(self.stuck[CopySource["Key"]])
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        assert len(Delete["Objects"]) <= 1000
        for named in Delete["Objects"]:
            self.objects.pop(named["Key"], None)
        return {}

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:
        return dict(self.date)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if not Delimiter:
            return {"Contents": [self._listed(key) for key in keys]}
        folders = {Prefix + key.removeprefix(Prefix).split("/")[0] + "/" for key in keys}
        return {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}

    def _listed(self, key: str) -> dict[str, Any]:
        """An entry of a listing; objects are a second apart in the order in which they were put."""
        written = NOW + timedelta(seconds=list(self.objects).index(key))
        return {"Key": key, "Size": len(self.objects[key]), "ETag": self.etag(key), "LastModified": written}

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_objects_v2"
        return Pages(self.list_objects_v2)


@dataclass
class FakeGlue:
    """Tables with version ids, runs of one job (newest first), crawlers. ``before_update`` is a rival's place."""

    tables: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    crawlers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    slot_taken: bool = False
    before_update: list[Callable[[], None]] = field(default_factory=list)
    after_start_crawler: list[Callable[[], None]] = field(default_factory=list)
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:
        if (DatabaseName, Name) not in self.tables:
            raise refusal("EntityNotFoundException")
        return {"Table": self.tables[DatabaseName, Name], **self.date}

    def put_table(self, database: str, table_input: dict[str, Any]) -> None:
        version = int(self.tables.get((database, table_input["Name"]), {"VersionId": "0"})["VersionId"])
        self.tables[database, table_input["Name"]] = {**table_input, "VersionId": str(version + 1)}

    def create_table(self, *, DatabaseName: str, TableInput: dict[str, Any]) -> None:
        if self.before_update:
            self.before_update.pop()()
        if (DatabaseName, TableInput["Name"]) in self.tables:
            raise refusal("AlreadyExistsException")
        self.put_table(DatabaseName, TableInput)

    def update_table(self, *, DatabaseName: str, TableInput: dict[str, Any], VersionId: str) -> None:
        if self.before_update:
            self.before_update.pop()()
        if self.tables[DatabaseName, TableInput["Name"]]["VersionId"] != VersionId:
            raise refusal("ConcurrentModificationException")
        self.put_table(DatabaseName, TableInput)

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "get_job_runs"
        return Pages(lambda JobName: {"JobRuns": self.runs})

    def get_job_runs(self, *, JobName: str, MaxResults: int) -> dict[str, Any]:
        return {"JobRuns": self.runs[:MaxResults]}

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, Any]:
        self.calls.append("start")
        if self.slot_taken:
            raise refusal("ConcurrentRunsExceededException")
        run = {"Id": f"jr_{len(self.runs)}", "JobRunState": "STARTING", "Arguments": Arguments, "StartedOn": NOW}
        self.runs.insert(0, run)
        return {"JobRunId": run["Id"]}

    def get_job_run(self, *, JobName: str, RunId: str) -> dict[str, Any]:
        return {"JobRun": next(run for run in self.runs if run["Id"] == RunId)}

    def get_job(self, *, JobName: str) -> dict[str, Any]:
        return {"Job": {"Timeout": 120}}

    def batch_stop_job_run(self, *, JobName: str, JobRunIds: list[str]) -> None:
        self.calls.append(f"stop {JobRunIds[0]}")

    def get_crawler(self, *, Name: str) -> dict[str, Any]:
        return {"Crawler": self.crawlers[Name], **self.date}

    def start_crawler(self, *, Name: str) -> None:
        self.calls.append(f"crawl {Name}")
        if self.crawlers[Name]["State"] != "READY":
            raise refusal("CrawlerRunningException")
        self.crawlers[Name]["State"] = "RUNNING"
        if self.after_start_crawler:
            self.after_start_crawler.pop()()

    def stop_crawler(self, *, Name: str) -> None:
        self.calls.append(f"stop {Name}")


@dataclass
class FakeDynamoDB:
    """Tables with point-in-time recovery, and exports by ARN; ``refuse`` names the error of the next export."""

    recovery: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refuse: str = ""
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def describe_continuous_backups(self, *, TableName: str) -> dict[str, Any]:
        if TableName not in self.recovery:
            raise refusal("TableNotFoundException", TableName)
        return {
            "ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": self.recovery[TableName]},
            **self.date,
        }

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        key = self.keys[TableName]
        schema = [
            {"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(key, ("HASH", "RANGE"), strict=False)
        ]
        types = [{"AttributeName": name, "AttributeType": kind} for name, kind in key]
        stream = self.streams.get(TableName, {})
        return {"Table": {"TableName": TableName, "KeySchema": schema, "AttributeDefinitions": types, **stream}}

    def describe_export(self, *, ExportArn: str) -> dict[str, Any]:
        if ExportArn not in self.exports:
            raise refusal("ExportNotFoundException")
        return {"ExportDescription": self.exports[ExportArn]}

    def export_table_to_point_in_time(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refuse:
            raise refusal(self.refuse)
        for export in self.exports.values():
            if export.get("ClientToken") == request["ClientToken"]:
                return {"ExportDescription": export}
        arn = f"{request['TableArn']}/export/{len(self.exports):04d}"
        token = request["ClientToken"]
        self.exports[arn] = {"ExportArn": arn, "ExportStatus": "IN_PROGRESS", "ClientToken": token}
        return {"ExportDescription": self.exports[arn]}


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


@dataclass
class FakeClients:
    """The clients of one connection."""

    s3: FakeS3 = field(default_factory=FakeS3)
    glue: FakeGlue = field(default_factory=FakeGlue)
    dynamodb: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    athena: FakeAthena = field(default_factory=FakeAthena)
    logs: FakeLogs = field(default_factory=FakeLogs)
    sqs: FakeSqs = field(default_factory=FakeSqs)


@dataclass
class FakeTaskInstance:
    """XComs by ``(task id, key)``; what the task pushes goes to task id ``me``."""

    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    try_number: int = 1

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.xcoms["me", key] = value

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))


def context_of(**xcoms: Any) -> dict[str, Any]:
    """A task's context; ``plan`` and ``batch`` are what those tasks told."""
    ti = FakeTaskInstance()
    if "plan" in xcoms:
        ti.xcoms["plan", "plan"] = xcoms["plan"]
    if "batch" in xcoms:
        ti.xcoms["merge.build_batch", "batch"] = xcoms["batch"]
    return {"ti": ti}
