"""Which processes belong to the stack, and how they are ended. Nothing else is ever signalled.

Every process of the stack inherits a variable that names the stack's folder; a number in a file is never enough.
PostgreSQL overwrites its environment with its title, so its server is known by the folder of its data.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from include.laptop.stack.folder import StackFolder, StackState

MARK = "LAKE_LAPTOP_STACK"
# setproctitle writes titles over the environment unless told not to: then the mark could not be read.
KEEP_ENVIRONMENT_READABLE = {"SPT_NOENV": "1"}
GRACE_S = 10.0


def mark_of(folder: StackFolder) -> dict[str, str]:
    """The variables that make a process, and all that it starts, one of this folder's stack."""
    return {MARK: str(folder.root), **KEEP_ENVIRONMENT_READABLE}


def find_supervisor(state: StackState | None, folder: StackFolder) -> psutil.Process | None:
    """The running supervisor that ``state`` names; None when it ended, also when its number went to another process."""
    if state is None:
        return None
    try:
        process = psutil.Process(state.pid)
        same = abs(process.create_time() - state.created) < 1 and _is_marked(process, folder)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def find_parts(folder: StackFolder) -> list[psutil.Process]:
    """All running processes of the folder's stack, the supervisor and PostgreSQL's server among them."""
    found = [process for process in psutil.process_iter() if _is_marked(process, folder)]
    server = find_postgres(folder.postgres / "data")
    return found if server is None or server in found else [*found, server]


def find_postgres(data_folder: Path) -> psutil.Process | None:
    """The server that runs on this data folder; None when the number in its file belongs to something else."""
    try:
        pid = int((data_folder / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        return process if str(data_folder) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def end(found: Iterable[psutil.Process], grace_s: float = GRACE_S) -> None:
    """Ask processes to end, and kill what is left after ``grace_s``."""
    running = list(found)
    for process in running:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(running, timeout=grace_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=grace_s)


def end_all(folder: StackFolder, grace_s: float = GRACE_S) -> int:
    """End every process of the folder's stack; return how many there were."""
    found = find_parts(folder)
    end(found, grace_s)
    # What a part started while it was being ended: killed, without another wait.
    late = find_parts(folder)
    end(late, 0.5)
    return len(found) + len(late)


def _is_marked(process: psutil.Process, folder: StackFolder) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(folder.root))
    except (psutil.Error, OSError):
        return False  # another user's, or gone meanwhile: not ours
