"""`make up` as a stranger meets it: green within minutes, readable in a browser, backfilled and cleared like any DAG."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.laptop import paths
from include.laptop.athena import TextRow, query
from include.laptop.expected import sort_key
from include.laptop.running import read_running, session
from include.laptop.stack.airflow_api import AirflowApi, AirflowApiError
from include.laptop.stack.browser import NoBrowserError, find_browser, install_driver, look
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.processes import find_parts
from include.laptop.stack.settings import read_settings
from include.local_aws.process import ask

pytestmark = pytest.mark.deep

PIPELINE, HOURLY, BOOTSTRAP = "campaign", "campaign_hourly", "campaign_bootstrap"
TABLE = '"campaign_analytics"."user_campaign_tasks"'
UP_CEILING_S, GREEN_CEILING_S, BACKFILL_CEILING_S = 600, 900, 900
FOLDER = StackFolder()


@dataclass(frozen=True)
class Stack:
    """The running stack: Airflow, local AWS's environment, and what `make up` printed."""

    api: AirflowApi
    aws: dict[str, str]
    printed: str

    def rows(self) -> list[TextRow]:
        athena = session(self.aws).client("athena", endpoint_url=self.aws["AWS_ENDPOINT_URL"])
        return sorted(query(athena, PIPELINE, f"SELECT * FROM {TABLE}").rows, key=sort_key)

    def airflow(self, command: str) -> str:
        """Run Airflow's command line as the documentation says: with the stack's settings sourced."""
        environment = {**os.environ, **read_settings(FOLDER.airflow_settings)}
        arguments = [sys.executable, "-m", "airflow", *shlex.split(command)]
        done = subprocess.run(arguments, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def stack_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "include.laptop.stack", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{paths.ROOT}:{paths.ROOT / 'plugins'}"}
    return subprocess.run(
        command, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=False, timeout=UP_CEILING_S
    )


def wait_for(done: Callable[[], Any], ceiling_s: float, what: str) -> Any:
    deadline = time.monotonic() + ceiling_s
    while not (value := _answer(done)):
        assert time.monotonic() < deadline, f"waited {ceiling_s} s for {what}"
        time.sleep(2)
    return value


def _answer(done: Callable[[], Any]) -> Any:
    """A busy API server counts as not yet."""
    try:
        return done()
    except AirflowApiError as error:
        if error.status == 0:
            return None
        raise


def ended(api: AirflowApi, dag_id: str, run_type: str) -> list[dict[str, Any]]:
    """The DAG's runs of a type once there are some and all have ended, the newest first; else an empty list."""
    runs = [run for run in api.runs(dag_id) if run["run_type"] == run_type]
    return runs if all(run["state"] in {"success", "failed"} for run in runs) else []


def failed_tasks(api: AirflowApi, dag_id: str, run_id: str) -> list[str]:
    return [task["task_id"] for task in api.tasks(dag_id, run_id) if task["state"] in {"failed", "upstream_failed"}]


def assert_green(api: AirflowApi, dag_id: str, runs: list[dict[str, Any]]) -> None:
    troubles = {
        run["dag_run_id"]: failed_tasks(api, dag_id, run["dag_run_id"]) for run in runs if run["state"] != "success"
    }
    assert not troubles


def keep_clear_of_the_full_hour() -> None:
    """A scheduled run in the middle of a comparison would change the rows rightly."""
    now = datetime.now(UTC)
    if now.minute >= 45:
        time.sleep((now.replace(minute=0, second=0) + timedelta(hours=1, minutes=4) - now).total_seconds())


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if find_parts(FOLDER):
        pytest.fail("the stack of this checkout is up: `make down` first, this test starts one of its own")
    started = stack_command("up", "--traffic", "0")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        state = FOLDER.read_state()
        assert state is not None
        api = AirflowApi(state.url)
        wait_for(lambda: ended(api, HOURLY, "scheduled"), GREEN_CEILING_S, "a scheduled run to end")
        yield Stack(api, read_running(), started.stdout)
    finally:
        stopped = stack_command("down")
    assert stopped.returncode == 0, stopped.stderr
    assert find_parts(FOLDER) == []
    assert not paths.AWS_ENV_FILE.exists()


def test_bootstrap_and_the_run_that_catches_up_are_green(stack: Stack) -> None:
    assert_green(stack.api, BOOTSTRAP, ended(stack.api, BOOTSTRAP, "manual"))
    assert_green(stack.api, HOURLY, ended(stack.api, HOURLY, "scheduled"))
    assert len(stack.rows()) > 1000


def test_what_it_prints_names_address_sign_in_database_and_logs(stack: Stack) -> None:
    for part in (stack.api.url, "no sign-in", "local AWS", "database", "logs", "make down"):
        assert part in stack.printed
    assert "PostgreSQL" in stack.printed or "SQLite (" in stack.printed


def test_a_second_up_says_that_it_is_up(stack: Stack) -> None:
    again = stack_command("up")
    assert again.returncode == 0
    assert "up already" in again.stdout
    assert stack.api.url in again.stdout


def test_a_browser_shows_the_last_run_the_freshness_and_the_form(stack: Stack) -> None:
    try:
        find_browser()
        install_driver()
    except NoBrowserError as reason:
        pytest.skip(str(reason))
    found = look(stack.api.url, PIPELINE)
    newest = stack.api.runs(HOURLY)[0]["dag_run_id"]
    assert re.search(rf"{re.escape(newest)}\s+Success", found["last_run"]), found["last_run"]
    for group in ("plan", "capture", "merge", "verify", "publish"):
        assert group in found["graph"]
    event = next(event for event in stack.api.asset_events() if event["extra"].get("complete_through"))
    assert event["extra"]["complete_through"] in found["freshness"]
    for words in ("Run Parameters", "Start", "End"):
        assert words in found["trigger_form"]


def test_a_backfill_over_three_finished_hours_is_green_and_leaves_the_rows_identical(stack: Stack) -> None:
    keep_clear_of_the_full_hour()
    before = stack.rows()
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    first = last - timedelta(hours=2)
    stack.airflow(
        f"backfill create --dag-id {HOURLY} --from-date {first.isoformat()} --to-date {last.isoformat()} "
        "--reprocess-behavior completed --max-active-runs 3"
    )
    hours = {instant.strftime("%Y-%m-%dT%H:%M:%SZ") for instant in (first, first + timedelta(hours=1), last)}

    def reprocessed() -> list[dict[str, Any]]:
        runs = [run for run in stack.api.runs(HOURLY) if run["logical_date"] in hours]
        done = len(runs) == 3 and all(run["state"] in {"success", "failed"} for run in runs)
        return runs if done and all(run["run_type"] == "backfill" for run in runs) else []

    assert_green(stack.api, HOURLY, wait_for(reprocessed, BACKFILL_CEILING_S, "three backfill runs to end"))
    assert stack.rows() == before


def test_a_failed_run_that_is_cleared_after_the_next_one_is_green_and_the_rows_stay(stack: Stack) -> None:
    keep_clear_of_the_full_hour()
    before = stack.rows()
    endpoint = stack.aws["AWS_ENDPOINT_URL"]
    full_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = {"start": (full_hour - timedelta(hours=1)).isoformat(), "end": full_hour.isoformat()}
    fault = {"target": "AWSGlue.StartJobRun", "code": "InternalServiceException", "status": 500, "times": 100}
    ask(endpoint, "POST", "/_local/faults", fault)
    failing = stack.api.trigger(HOURLY, span)
    wait_for(lambda: stack.api.run_state(HOURLY, failing) in {"success", "failed"}, 300, "the run to fail")
    assert stack.api.run_state(HOURLY, failing) == "failed"
    ask(endpoint, "POST", "/_local/faults", {})
    following = stack.api.trigger(HOURLY, span)
    wait_for(lambda: stack.api.run_state(HOURLY, following) in {"success", "failed"}, 300, "the next run")
    stack.api.clear(HOURLY, failing)
    wait_for(lambda: stack.api.run_state(HOURLY, failing) in {"success", "failed"}, 300, "the cleared run")
    for run_id in (following, failing):
        assert not failed_tasks(stack.api, HOURLY, run_id)
        assert stack.api.run_state(HOURLY, run_id) == "success"
    assert stack.rows() == before
