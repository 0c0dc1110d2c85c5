"""Airflow's REST API of an MWAA environment, through ``InvokeRestApi``: DAGs, their runs, connections, import errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

PAGE = 100


@dataclass(frozen=True)
class DagState:
    """One DAG as Airflow knows it."""

    dag_id: str
    is_paused: bool
    last_parsed: datetime | None


@dataclass(frozen=True)
class AirflowApi:
    """Requests to one environment; ``mwaa`` is a boto3 client."""

    mwaa: Any
    environment: str

    def read_dag(self, dag_id: str) -> DagState | None:
        """Describe a DAG; None where Airflow has none of that name."""
        found = self._request("GET", f"/dags/{dag_id}")
        if found is None:
            return None
        parsed = found.get("last_parsed_time")
        return DagState(dag_id, bool(found["is_paused"]), _instant(parsed) if parsed else None)

    def set_paused(self, dag_id: str, paused: bool) -> None:
        self._request("PATCH", f"/dags/{dag_id}", body={"is_paused": paused})

    def running_runs(self, dag_id: str) -> tuple[str, ...]:
        """Ids of the runs that have begun and not ended."""
        found = self._request("GET", f"/dags/{dag_id}/dagRuns", query={"state": "running", "limit": PAGE})
        return tuple(run["dag_run_id"] for run in (found or {}).get("dag_runs", []))

    def read_source(self, dag_id: str) -> str | None:
        """The DAG file that Airflow read last; None where it has read none."""
        found = self._request("GET", f"/dagSources/{dag_id}")
        return None if found is None else str(found["content"])

    def import_errors(self, folder: str, since: datetime) -> dict[str, str]:
        """Last line of the traceback by file, of the DAG files below ``folder`` that did not import when read after ``since``.

        Airflow keeps an error until the file is read again, and dates it anew each time.
        """
        found = self._request("GET", "/importErrors", query={"limit": PAGE}) or {}
        return {
            str(one["filename"]): str(one["stack_trace"]).strip().rpartition("\n")[2]
            for one in found.get("import_errors", [])
            if f"{folder}/" in f"/{one['filename']}" and _instant(one["timestamp"]) > since
        }

    def put_connection(self, connection_id: str, extra: Mapping[str, str]) -> None:
        """Make or change an AWS connection."""
        body = {"connection_id": connection_id, "conn_type": "aws", "extra": json.dumps(extra, sort_keys=True)}
        if self._request("PATCH", f"/connections/{connection_id}", body=body) is None:
            self._request("POST", "/connections", body=body)

    def _request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        """One request; None for what Airflow does not have (404)."""
        more = {name: value for name, value in (("QueryParameters", query), ("Body", body)) if value is not None}
        try:
            answer = self.mwaa.invoke_rest_api(Name=self.environment, Path=path, Method=method, **more)
        except ClientError as error:
            if error.response.get("RestApiStatusCode") == 404:
                return None
            raise
        content: Mapping[str, Any] = answer.get("RestApiResponse") or {}
        return content


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
