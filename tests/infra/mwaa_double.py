"""An MWAA environment for tests: every call goes through botocore's models, in and out, and changes one small state.

It stands in for what local AWS does not have. A client of its own is patched at the place where botocore sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.client
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters


@dataclass
class Reading:
    """What Airflow found in the DAG folder: import errors, and the files by kind of DAG."""

    errors: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass
class MwaaDouble:
    """State of one environment; ``calls`` are the API's operations and the REST requests in order.

    Airflow tells of the DAG folder what it read at the look at the import errors before this one.
    """

    bucket: str
    name: str = "analytics"
    version: str = "3.3.1"
    paused: dict[str, bool] = field(default_factory=dict)
    running: dict[str, list[str]] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    s3: Any = None
    broken: dict[str, str] = field(default_factory=dict)
    told: Reading = field(default_factory=Reading)
    read: Reading = field(default_factory=Reading)
    fields: dict[str, Any] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fail_update: str | None = None

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        assert request["Name"] == self.name
        if operation == "InvokeRestApi":
            path, method = request["Path"], request["Method"]
            self.calls.append(f"{method} {path}")
            content = self._rest(method, path, request.get("Body", {}))
            return {"RestApiStatusCode": 200, "RestApiResponse": content}
        self.calls.append(operation)
        return {"GetEnvironment": self._get, "UpdateEnvironment": self._update}[operation](request)

    def _get(self, _: dict[str, Any]) -> dict[str, Any]:
        status = self.states.pop(0) if self.states else "AVAILABLE"
        last = (
            {"Status": "FAILED", "Error": {"ErrorMessage": self.fail_update}}
            if self.fail_update
            else {"Status": "SUCCESS"}
        )
        return {
            "Environment": {
                "Name": self.name,
                "Status": status,
                "AirflowVersion": self.version,
                "SourceBucketArn": f"arn:aws:s3:::{self.bucket}",
                "DagS3Path": "dags",
                "ExecutionRoleArn": "arn:aws:iam::000000000000:role/mwaa-execution",
                "LastUpdate": last,
                **self.fields,
            }
        }

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        self.states = ["UPDATING", "UPDATING"]
        if self.fail_update is None:
            self.fields |= {
                key: value for key, value in request.items() if key not in {"Name", "WorkerReplacementStrategy"}
            }
        return {"Arn": "arn:aws:airflow:eu-central-1:000000000000:environment/analytics"}

    def _rest(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/importErrors":
            self._read_dag_folder()
            return {"import_errors": self.told.errors, "total_entries": len(self.told.errors)}
        if path.startswith("/connections"):
            return self._connection(method, body)
        dag_id = path.split("/")[2]
        if dag_id not in self.paused:
            raise _not_found(path)
        if path.startswith("/dagSources/"):
            return self._source(dag_id)
        if path.endswith("/dagRuns"):
            runs = self.running.get(dag_id, [])
            return {"dag_runs": [{"dag_run_id": runs.pop(0)}] if runs else []}
        if method == "PATCH":
            self.paused[dag_id] = body["is_paused"]
        parsed = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        return {"dag_id": dag_id, "is_paused": self.paused[dag_id], "last_parsed_time": parsed}

    def _read_dag_folder(self) -> None:
        """Tell what was read a look ago; ``broken`` are the files that do not import, with their traceback."""
        self.told, self.read = self.read, Reading()
        at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        self.read.errors += [
            {"filename": file, "stack_trace": trace, "timestamp": at} for file, trace in self.broken.items()
        ]
        for entry in self.s3.list_objects_v2(Bucket=self.bucket, Prefix="dags/dynamo_lake/").get("Contents", []):
            file = entry["Key"].removeprefix("dags/")
            if file.endswith(".py") and file not in self.broken:
                content = self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read().decode()
                self.read.sources[Path(file).stem] = content

    def _source(self, dag_id: str) -> dict[str, Any]:
        content = next((text for kind, text in self.told.sources.items() if dag_id.endswith(f"_{kind}")), None)
        if content is None:
            raise _not_found(dag_id)
        return {"dag_id": dag_id, "content": content}

    def age_errors(self) -> None:
        """As if the errors of the files that were read were an hour old."""
        at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        self.read.errors = [{**error, "timestamp": at} for error in self.read.errors]

    def _connection(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["connection_id"]
        if method == "PATCH" and name not in self.connections:
            raise _not_found(name)
        self.connections[name] = json.loads(body["extra"])
        return body


@contextmanager
def installed(double: MwaaDouble) -> Iterator[MwaaDouble]:
    """Answer every client's MWAA calls from ``double``; all other services are untouched."""
    real = botocore.client.BaseClient._make_api_call

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "mwaa":
            return real(client, operation, parameters)
        model = client.meta.service_model.operation_model(operation)
        validate_parameters(parameters, model.input_shape)
        answer = double.answer(operation, parameters)
        validate_parameters(answer, model.output_shape)
        return answer

    with patch.object(botocore.client.BaseClient, "_make_api_call", make_api_call):
        yield double


def _not_found(what: str) -> ClientError:
    content = {
        "Error": {"Code": "RestApiClientException", "Message": f"{what} was not found"},
        "RestApiStatusCode": 404,
    }
    return ClientError(content, "InvokeRestApi")
