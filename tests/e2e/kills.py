"""What kills a DAG run: a call to AWS, before it or after its answer, once; or every step of the run, each once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

Watch = Callable[[str, Any], Callable[[], None]]
READS = ("Get", "Describe", "List", "Head", "Receive")


@dataclass(frozen=True)
class Kill:
    """The ``nth`` call of this operation (``glue.StartJobRun``) with ``match`` in its arguments; before it, or after its answer."""

    operation: str
    when: Literal["before", "after"]
    match: str = ""
    nth: int = 1

    def watch(self) -> Watch:
        numbers = count(1)

        def watch(name: str, arguments: Any) -> Callable[[], None]:
            if not (name == self.operation and self.match in str(arguments) and next(numbers) == self.nth):
                return _live_on
            if self.when == "before":
                _die()
            return _die

        return watch


class Journal:
    """What a run was killed at, in a file that outlives it: every moment once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = set(path.read_text().splitlines()) if path.exists() else set()

    def watch(self, name: str, arguments: Any) -> Callable[[], None]:
        service, _, operation = name.partition(".")
        if service == "sts":
            return _live_on
        step = _task_id() or f"the wait for {name}"
        self._kill_once(f"{step} begins")
        if operation.startswith(READS):
            return _live_on
        return partial(self._kill_once, f"{step}: {name} {_object_of(arguments)}".rstrip())

    def _kill_once(self, moment: str) -> None:
        if moment in self.known:
            return
        with self.path.open("a") as journal:
            journal.write(f"{moment}\n")
        _die()


def watch_calls(watch: Watch) -> None:
    """Have every call to AWS of this process watched: ``watch`` gets its name and arguments before it, what it returns is called
    after the answer.
    """
    from aiobotocore.client import AioBaseClient
    from botocore.client import BaseClient

    call, call_async = BaseClient._make_api_call, AioBaseClient._make_api_call

    def name_of(client: Any, operation: str) -> str:
        return f"{client.meta.service_model.service_name}.{operation}"

    def watched(client: Any, operation: str, arguments: Any) -> Any:
        # Asked before the call: botocore makes a stream of a body.
        answered = watch(name_of(client, operation), arguments)
        answer = call(client, operation, arguments)
        answered()
        return answer

    async def watched_async(client: Any, operation: str, arguments: Any) -> Any:
        answered = watch(name_of(client, operation), arguments)
        answer = await call_async(client, operation, arguments)
        answered()
        return answer

    BaseClient._make_api_call = watched
    AioBaseClient._make_api_call = watched_async


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _live_on() -> None:
    """What is called after the answer of a call that nobody dies of."""


def _task_id() -> str | None:
    """The task that this process runs; None in a trigger."""
    from airflow.sdk import get_current_context

    try:
        return str(get_current_context()["ti"].task_id)
    except RuntimeError:
        return None


def _object_of(arguments: Mapping[str, Any]) -> str:
    """The S3 object of a call without what differs from run to run and from file to file."""
    folder, _, path = str(arguments.get("Key", "")).partition("/")
    name = path.rpartition("/")[2]
    return f"{folder}/{name}" if name.endswith(".json") else folder
