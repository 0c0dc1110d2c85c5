"""Only the stack's own processes are ever ended, however they were left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.laptop.checkout import copy_checkout
from include.laptop.stack.commands import clean, down
from include.laptop.stack.folder import StackFolder, StackState
from include.laptop.stack.processes import end_all, find_parts, find_postgres, find_supervisor, mark_of

SLEEP = [sys.executable, "-c", "import time; time.sleep(120)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(120)",
]


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    made = StackFolder(tmp_path / "up")
    made.logs.mkdir(parents=True)
    return made


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def start(started: list[subprocess.Popen[bytes]], command: list[str], mark: dict[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, env={**os.environ, **mark}, stdout=subprocess.PIPE)
    started.append(process)
    # Between fork and exec a child still shows its parent's environment.
    for _ in range(200):
        if psutil.Process(process.pid).cmdline() == command:
            break
        time.sleep(0.01)
    return process


def state_of(process: subprocess.Popen[bytes]) -> StackState:
    return StackState(process.pid, psutil.Process(process.pid).create_time())


def test_what_a_killed_supervisor_left_is_found_and_ended(
    folder: StackFolder, started: list[subprocess.Popen[bytes]]
) -> None:
    left = start(started, SLEEP, mark_of(folder))
    assert [process.pid for process in find_parts(folder)] == [left.pid]
    assert clean(folder) == 1
    assert not psutil.pid_exists(left.pid)
    assert find_parts(folder) == []


def test_a_process_of_another_checkout_is_not_touched(
    folder: StackFolder, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    other = start(started, SLEEP, mark_of(StackFolder(tmp_path / "other")))
    plain = start(started, SLEEP, {})
    clean(folder)
    assert other.poll() is None
    assert plain.poll() is None


def test_a_part_that_does_not_listen_is_killed(folder: StackFolder, started: list[subprocess.Popen[bytes]]) -> None:
    stubborn = start(started, STUBBORN, mark_of(folder))
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    assert end_all(folder, grace_s=0.2) == 1
    assert not psutil.pid_exists(stubborn.pid)


def test_a_supervisor_is_known_by_number_start_and_mark(
    folder: StackFolder, started: list[subprocess.Popen[bytes]]
) -> None:
    running = start(started, SLEEP, mark_of(folder))
    assert find_supervisor(state_of(running), folder) is not None


def test_a_number_that_went_to_another_process_is_no_supervisor(
    folder: StackFolder, started: list[subprocess.Popen[bytes]]
) -> None:
    foreign = start(started, SLEEP, {})
    folder.write_state(state_of(foreign))
    assert find_supervisor(folder.read_state(), folder) is None
    earlier = StackState(foreign.pid, psutil.Process(foreign.pid).create_time() - 60)
    assert find_supervisor(earlier, folder) is None
    clean(folder)
    assert foreign.poll() is None


def test_a_server_file_that_names_a_foreign_process_is_not_believed(
    folder: StackFolder, started: list[subprocess.Popen[bytes]]
) -> None:
    foreign = start(started, SLEEP, {})
    data = folder.postgres / "data"
    data.mkdir(parents=True)
    (data / "postmaster.pid").write_text(f"{foreign.pid}\n{data}\n")
    assert find_postgres(data) is None


def test_down_without_a_stack_says_so(folder: StackFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert down(folder) == 0
    assert "was not up" in capsys.readouterr().out


def test_a_damaged_state_file_counts_as_none(folder: StackFolder) -> None:
    folder.state_file.write_text('{"pid": 1, "cre')
    assert folder.read_state() is None


def test_a_copy_of_the_checkout_has_the_checkouts_stack(tmp_path: Path) -> None:
    """Both write into one `.local`: whoever brings a second stack up would end the first one's."""
    copied = copy_checkout(tmp_path / "copy", [])
    asked = [sys.executable, "-c", "from include.laptop.stack.folder import StackFolder; print(StackFolder().root)"]
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    said = subprocess.run(asked, cwd=copied, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(StackFolder().root)
