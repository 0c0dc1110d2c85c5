"""The running stack as tests use it: Airflow's API and command line, local AWS, the rows that readers see."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import PipelineNames
from include.laptop import paths
from include.laptop.athena import TextRow, query
from include.laptop.expected import expected_rows, sort_key
from include.laptop.running import session
from include.laptop.stack.airflow_api import AirflowApi, AirflowApiError
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.settings import read_settings
from include.local_aws.process import ask

PIPELINE, HOURLY, BOOTSTRAP = "campaign", "campaign_hourly", "campaign_bootstrap"
ON_CHANGE, RECONCILE = "campaign_on_change", "campaign_reconcile"
BUCKET = "campaign-lake-000000000000-eu-central-1"
COMMAND_CEILING_S, RUN_CEILING_S = 600, 600
ENDED = {"success", "failed"}
FOLDER = StackFolder()


@dataclass(frozen=True)
class Stack:
    """The running stack: Airflow, local AWS's environment, and what `make up` printed."""

    api: AirflowApi
    aws: dict[str, str]
    printed: str

    def client(self, service: str) -> Any:
        return session(self.aws).client(service, endpoint_url=self.aws["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

    def rows(self, pipeline: str = PIPELINE) -> list[TextRow]:
        """What readers see."""
        names, table = PipelineNames(pipeline), read_declaration(pipeline).target.table
        shown = query(self.client("athena"), names.dashed, f'SELECT * FROM "{names.analytics_database}"."{table}"')
        return sorted(shown.rows, key=sort_key)

    def expected_rows(self, pipeline: str = PIPELINE) -> list[TextRow]:
        """What the DynamoDB tables hold now, by the plain-Python reference."""
        return expected_rows(read_declaration(pipeline), self.client("dynamodb"))

    def announced(self, pipeline: str = PIPELINE) -> list[dict[str, Any]]:
        """What the pipeline's runs announced, the newest first; calls for on-change runs are events too, without a pipeline."""
        extras = [event["extra"] for event in self.api.asset_events()]
        return [extra for extra in extras if extra.get("pipeline") == pipeline]

    def ask_local_aws(self, path: str, content: Any) -> None:
        ask(self.aws["AWS_ENDPOINT_URL"], "POST", f"/_local/{path}", content)

    def airflow(self, command: str) -> str:
        """Run Airflow's command line as the documentation says: with the stack's settings sourced."""
        environment = {**os.environ, **read_settings(FOLDER.airflow_settings)}
        arguments = [sys.executable, "-m", "airflow", *shlex.split(command)]
        done = subprocess.run(arguments, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> tuple[str, str]:
        """Trigger a DAG and wait for its end; the run's id and state."""
        run_id = self.api.trigger(dag_id, conf)
        return run_id, self.wait_for_run(dag_id, run_id)

    def wait_for_run(self, dag_id: str, run_id: str) -> str:
        """Wait until a run has ended; its state."""
        wait_for(lambda: self.api.run_state(dag_id, run_id) in ENDED, RUN_CEILING_S, f"{dag_id} {run_id} to end")
        return self.api.run_state(dag_id, run_id)

    def silence(self) -> None:
        """Let nothing run but what a test starts: on-change runs would take its writes first."""
        wait_for(self._paused_at_rest, RUN_CEILING_S, "on-change runs to end")

    def _paused_at_rest(self) -> bool:
        """Pause on-change runs where none is under way: the run of a paused DAG stands still."""
        if not self._is_at_rest():
            return False
        self.api.pause(ON_CHANGE)
        if not self._is_at_rest():
            self.api.unpause(ON_CHANGE)
            return False
        return True

    def _is_at_rest(self) -> bool:
        return all(run["state"] in ENDED for run in self.api.runs(ON_CHANGE))

    def failed_tasks(self, dag_id: str, run_id: str) -> list[str]:
        failed = {"failed", "upstream_failed"}
        return [task["task_id"] for task in self.api.tasks(dag_id, run_id) if task["state"] in failed]

    def assert_green(self, dag_id: str, runs: list[dict[str, Any]]) -> None:
        """Every run succeeded, and there is one; else the failed tasks are named."""
        red = [run["dag_run_id"] for run in runs if run["state"] != "success"]
        assert runs
        assert not {run_id: self.failed_tasks(dag_id, run_id) for run_id in red}

    def settled(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs, the newest first, once all that exist have ended; else an empty list."""
        runs = self.api.runs(dag_id)
        return runs if all(run["state"] in ENDED for run in runs) else []

    def ended(self, dag_id: str, run_type: str) -> list[dict[str, Any]]:
        """The DAG's runs of a type once there are some and all have ended, the newest first; else an empty list."""
        runs = [run for run in self.api.runs(dag_id) if run["run_type"] == run_type]
        return runs if all(run["state"] in ENDED for run in runs) else []


def stack_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command behind `make up` or `make down`."""
    command = [sys.executable, "-m", "include.laptop.stack", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{paths.ROOT}:{paths.ROOT / 'plugins'}"}
    return subprocess.run(
        command, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=False, timeout=COMMAND_CEILING_S
    )


def read_examples() -> str:
    """The examples of docs/operators.md as one DAG file."""
    document = (paths.ROOT / "docs" / "operators.md").read_text()
    return "\n\n".join(re.findall(r"```python\n(.*?)```", document, re.DOTALL))


def wait_for(done: Callable[[], Any], ceiling_s: float, what: str) -> Any:
    """Ask until the answer is true, and return it. A busy API server counts as not yet."""
    deadline = time.monotonic() + ceiling_s
    while not (value := _answer(done)):
        assert time.monotonic() < deadline, f"waited {ceiling_s} s for {what}"
        time.sleep(2)
    return value


def keep_clear_of_the_full_hour() -> None:
    """A scheduled run in the middle of a comparison would change the rows rightly."""
    now = datetime.now(UTC)
    if now.minute >= 54:
        time.sleep((now.replace(minute=0, second=0) + timedelta(hours=1, minutes=3) - now).total_seconds())


def _answer(done: Callable[[], Any]) -> Any:
    try:
        return done()
    except AirflowApiError as error:
        if error.status == 0:
            return None
        raise
