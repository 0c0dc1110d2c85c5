"""The few requests to Airflow's REST API that the laptop's commands make. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

CEILING_S = 20


class AirflowApiError(Exception):
    """Airflow refused or did not answer; ``status`` is 0 without an answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class AirflowApi:
    """Airflow at ``url``, where everybody is admin."""

    url: str

    def unhealthy(self) -> list[str]:
        """The parts that are not healthy (yet); raises ``AirflowApiError`` while nothing answers."""
        health = self.ask("GET", "/monitor/health")
        return [part for part, one in health.items() if one["status"] != "healthy"]

    def dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.ask("GET", "/dags?limit=100")["dags"]}

    def import_errors(self) -> list[str]:
        errors = self.ask("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        self.ask("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        self.ask("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": True})

    def paused(self) -> set[str]:
        """The DAGs that are paused."""
        return {dag["dag_id"] for dag in self.ask("GET", "/dags?limit=100")["dags"] if dag["is_paused"]}

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a manual run without a data interval; return its id."""
        run = self.ask("POST", f"/dags/{quote(dag_id)}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.ask("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}")["state"])

    def clear(self, dag_id: str, run_id: str) -> None:
        """Run all tasks of an ended run again."""
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/clear"
        self.ask("POST", path, {"dry_run": False, "only_failed": False})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG (100 at most), the newest first."""
        query = urlencode({"limit": 100, "order_by": "-run_after"})
        return list(self.ask("GET", f"/dags/{quote(dag_id)}/dagRuns?{query}")["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=100"
        return list(self.ask("GET", path)["task_instances"])

    def asset_events(self) -> list[dict[str, Any]]:
        """The newest events first (100 at most)."""
        return list(self.ask("GET", "/assets/events?limit=100&order_by=-timestamp")["asset_events"])

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Send one request below ``/api/v2`` and return the decoded answer."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(f"{self.url}/api/v2{path}", data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=CEILING_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:500]
            raise AirflowApiError(error.code, f"{method} {path}: {error.code} {reason}") from error
        except OSError as error:
            raise AirflowApiError(0, f"{method} {path}: {error}") from error
