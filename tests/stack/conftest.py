"""One `make up` for all tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from include.laptop import paths
from include.laptop.running import read_running
from include.laptop.stack.airflow_api import AirflowApi
from include.laptop.stack.processes import find_parts
from tests.stack.running import FOLDER, HOURLY, ON_CHANGE, Stack, read_examples, stack_command, wait_for

# An idle machine of two cores has both runs green within three minutes of `make up`. These tests share theirs with the other
# lane of `make test-deep`: the bound of the wait is three times that, and the only place where the clock on the wall counts.
GREEN_CEILING_S = 3 * 180


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack without traffic, with the documented examples as DAGs, its first scheduled run at its end, on-change runs paused.

    Nothing is left of it afterwards.
    """
    if find_parts(FOLDER):
        pytest.fail("the stack of this checkout is up: `make down` first, these tests start one of their own")
    (examples := tmp_path_factory.mktemp("dags")).joinpath("operators.py").write_text(read_examples())
    began = time.monotonic()
    started = stack_command("up", "--traffic", "0", "--dags", str(examples))
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        state = FOLDER.read_state()
        assert state is not None
        stack = Stack(AirflowApi(state.url), read_running(), started.stdout)
        left_s = GREEN_CEILING_S - (time.monotonic() - began)
        wait_for(lambda: stack.ended(HOURLY, "scheduled"), left_s, "the first scheduled run to end")
        assert ON_CHANGE not in stack.api.paused()
        stack.silence()
        yield stack
    finally:
        stopped = stack_command("down")
    assert stopped.returncode == 0, stopped.stderr
    assert find_parts(FOLDER) == []
    assert not paths.AWS_ENV_FILE.exists()
