"""Keep a killed parent from leaving processes behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere `watch_parent` does that."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def watch_parent(parent_pid: int, stop: Callable[[], None]) -> None:
    """Call `stop` within a second of the death of `parent_pid`, the process that started this one."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(0.5)
        stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
