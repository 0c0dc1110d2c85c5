"""What `make up` gives a stranger: green runs within minutes, and words that say where everything is."""

from __future__ import annotations

import pytest

from tests.stack.running import BOOTSTRAP, HOURLY, Stack, stack_command

pytestmark = pytest.mark.deep


def test_bootstrap_and_the_run_that_catches_up_are_green_and_the_rows_right(stack: Stack) -> None:
    stack.assert_green(BOOTSTRAP, stack.ended(BOOTSTRAP, "manual"))
    stack.assert_green(HOURLY, stack.ended(HOURLY, "scheduled"))
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
