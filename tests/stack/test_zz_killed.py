"""The supervisor is killed, the last thing that happens to this stack: the next `make up` clears away what is left of it."""

from __future__ import annotations

import pytest

from include.laptop.stack.processes import find_parts, find_supervisor
from tests.stack.running import FOLDER, Stack, stack_command

pytestmark = pytest.mark.deep


def test_what_a_killed_supervisor_left_is_ended_by_the_next_up(stack: Stack) -> None:
    supervisor = find_supervisor(FOLDER.read_state(), FOLDER)
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait()
    left = find_parts(FOLDER)
    assert left, "the parts outlive their supervisor"
    again = stack_command("up", "--traffic", "0")
    assert again.returncode == 0, again.stdout + again.stderr
    assert stack.api.url not in again.stdout, "another start has another port"
    assert not [process.pid for process in left if process.is_running()]
