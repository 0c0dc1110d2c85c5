"""What `make up` gives a stranger: green runs within minutes, and words that say where everything is."""

from __future__ import annotations

from datetime import datetime, timedelta

import psutil
import pytest

from include.laptop.stack.clock import PAST
from include.laptop.stack.processes import find_parts
from tests.stack.running import BOOTSTRAP, FOLDER, HOURLY, ON_CHANGE, PIPELINE, Stack, stack_command

pytestmark = pytest.mark.deep


def test_within_minutes_a_bootstrap_and_the_run_that_catches_up_are_green(stack: Stack) -> None:
    """The minutes are the bound of the fixture's wait."""
    caught_up = stack.ended(HOURLY, "scheduled")
    stack.assert_green(BOOTSTRAP, stack.ended(BOOTSTRAP, "manual"))
    stack.assert_green(HOURLY, caught_up)
    first = next(one for one in stack.api.asset_events() if one["source_run_id"] == caught_up[-1]["dag_run_id"])
    (window,) = first["extra"]["windows"]
    start, end = (datetime.fromisoformat(instant) for instant in window.strip("[)").split(", "))
    assert end - start > PAST - timedelta(hours=1, minutes=5), "the hours since the bootstrap's instant"
    assert len(stack.rows()) > 1000


def test_all_dags_of_the_pipeline_are_on_once_it_is_up(stack: Stack) -> None:
    """Only on-change runs are paused: by the fixture, which has seen them on before."""
    assert {dag_id for dag_id in stack.api.paused() if dag_id.startswith(PIPELINE)} == {ON_CHANGE}


def test_every_part_listens_on_this_machine_alone(stack: Stack) -> None:
    heard = {
        connection.laddr.ip
        for process in find_parts(FOLDER)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert heard == {"127.0.0.1"}


def test_what_it_prints_names_address_sign_in_database_and_logs(stack: Stack) -> None:
    for part in (stack.api.url, "no sign-in", "local AWS", "database", "logs", "make down"):
        assert part in stack.printed
    assert "PostgreSQL" in stack.printed or "SQLite (" in stack.printed


def test_a_second_up_says_that_it_is_up(stack: Stack) -> None:
    again = stack_command("up")
    assert again.returncode == 0
    assert "up already" in again.stdout
    assert stack.api.url in again.stdout
