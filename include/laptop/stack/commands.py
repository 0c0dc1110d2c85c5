"""Bring the stack up in the background, and down again."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from include.dynamo_lake.errors import LakeError
from include.laptop import paths
from include.laptop.airflow_env import clean_environment
from include.laptop.running import read_running
from include.laptop.stack.errors import StackError
from include.laptop.stack.folder import READY, StackFolder, StackState
from include.laptop.stack.processes import end_all, find_parts, find_supervisor, mark_of
from include.laptop.stack.supervisor import withdraw_environment

FOLLOW_EVERY_S = 0.2
STOP_CEILING_S = 40.0


def up(folder: StackFolder, *, traffic: bool, dags: Path | None = None) -> int:
    """Start the stack and return when it is ready; say so where it is up already. 1 when something did not go well.

    ``dags``: a folder whose DAG files run beside the pipelines'.
    """
    if dags is not None and not dags.is_dir():
        raise StackError(f"there is no folder {dags}: DAGS names one that holds DAG files")
    folder.root.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        state = folder.read_state()
        if find_supervisor(state, folder) is None:
            clean(folder)
            _require_no_other()
            _start_supervisor(folder, traffic, dags)
            state = _follow(folder)
        elif state is not None and state.phase == READY:
            print("The stack is up already.")
        else:
            state = _follow(folder)
    assert state is not None
    print(summary(state))
    if state.message:
        print(f"\nNot well: {state.message}", file=sys.stderr)
    return 1 if state.message else 0


def down(folder: StackFolder) -> int:
    """End everything that belongs to the stack, whatever state it is in, and check that nothing is left."""
    state = folder.read_state()
    supervisor = find_supervisor(state, folder)
    if supervisor is not None:
        supervisor.terminate()
        with suppress(Exception):
            supervisor.wait(STOP_CEILING_S)
    ended = clean(folder)
    if left := find_parts(folder):
        raise StackError(f"still running: {', '.join(f'{one.pid} {one.name()}' for one in left)}")
    print("Nothing is left running." if supervisor or ended else "The stack was not up; nothing is running.")
    if supervisor or ended:
        print(f"Tables and runs are gone; the logs stay in {folder.shown_logs} until the next start.")
    return 0


def clean(folder: StackFolder) -> int:
    """End what a killed supervisor left; return how many processes that were."""
    ended = end_all(folder)
    if state := folder.read_state():
        withdraw_environment(state.endpoint_url)
    folder.state_file.unlink(missing_ok=True)
    return ended


def summary(state: StackState) -> str:
    """What a stranger wants to know first."""
    lines = (
        "",
        f"  Airflow    {state.url}   no sign-in: whoever opens it on this machine is admin",
        f"  local AWS  {state.endpoint_url}   keys in {paths.AWS_ENV_FILE.relative_to(paths.ROOT)}",
        f"  database   {state.database}",
        f"  traffic    {'a dozen writes every five minutes (TRAFFIC=0 for none)' if state.traffic else 'none'}",
        f"  logs       {StackFolder().shown_logs}/ of the parts; those of tasks are in the UI",
        "",
        "  The bootstrap comes first, then the hourly run catches up by itself: about two minutes in all.",
        "  From then on a write to the tables shows in Athena within a minute or so, by itself.",
        "  Look at Dags, then at Assets. `make down` ends everything.",
    )
    return "\n".join(lines)


def _start_supervisor(folder: StackFolder, traffic: bool, dags: Path | None) -> None:
    """Empty the folder and start the supervisor in a session of its own, so that it outlives this command."""
    shutil.rmtree(folder.root, ignore_errors=True)
    for made in (folder.logs, folder.airflow_home / "logs"):
        made.mkdir(parents=True)
    folder.progress.touch()
    command = [str(paths.python_of(paths.AIRFLOW_ENV)), "-m", "include.laptop.stack.supervisor"]
    command += [] if traffic else ["--no-traffic"]
    command += ["--dags", str(dags.resolve())] if dags else []
    with (folder.logs / "supervisor.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            cwd=paths.ROOT,
            env={**clean_environment(), **mark_of(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while folder.read_state() is None:
        if started.poll() is not None:
            raise StackError(f"the stack did not start: {(folder.logs / 'supervisor.log').read_text()[-1500:]}")
        time.sleep(FOLLOW_EVERY_S)


def _follow(folder: StackFolder) -> StackState:
    """Show the progress until the stack is ready; raise ``StackError`` when it failed or was stopped."""
    with folder.progress.open() as progress:
        while True:
            state = folder.read_state()
            alive = find_supervisor(state, folder) is not None
            print(progress.read(), end="", flush=True)
            if state is not None and state.phase == READY:
                return state
            if not alive:
                reason = state.message if state else "it was stopped"
                raise StackError(f"the stack is not up: {reason or 'it was stopped'}")
            time.sleep(FOLLOW_EVERY_S)


def _require_no_other() -> None:
    """``.local/aws.env`` can name one local AWS only."""
    try:
        running = read_running()
    except LakeError:
        return
    raise StackError(
        f"another local AWS of this checkout is running at {running['AWS_ENDPOINT_URL']} (`make local-aws`): stop it first"
    )


@contextmanager
def _lock(folder: StackFolder) -> Iterator[None]:
    """One start at a time."""
    with folder.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
