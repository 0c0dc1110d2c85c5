"""The processes of the stack: started, watched, started again a few times where that is harmless, ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.laptop import paths
from include.laptop.stack.errors import StackError

RESTARTS = 3
AIRFLOW_PARTS = {
    "api-server": ("api-server",),
    # Logs are files that the API server reads itself; the parts' own log servers would listen on every interface.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


@dataclass
class Part:
    """One process with its log. What cannot be started again (it holds state) has no ``command``."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0

    def revive(self, say: Callable[[str], None]) -> None:
        """Start the process again if it has ended; raise ``StackError`` where that is no use."""
        if (status := self.process.poll()) is None:
            return
        if not self.command or self.restarts == RESTARTS:
            raise StackError(f"{self.name} ended with status {status}; the end of {self.log}:\n{_end_of(self.log)}")
        self.restarts += 1
        say(f"{self.name} ended with status {status}: started again ({self.restarts} of {RESTARTS}); log: {self.log}")
        self.process = _start(self.command, self.environment, self.log)


def start_part(name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> Part:
    """Start one process in the background."""
    log = logs / f"{name}.log"
    return Part(name, log, _start(command, environment, log), command, environment)


def start_airflow(environment: Mapping[str, str], logs: Path) -> list[Part]:
    """Start Airflow's four processes."""
    python = str(paths.python_of(paths.AIRFLOW_ENV))
    return [
        start_part(name, (python, "-m", "airflow", *arguments), environment, logs)
        for name, arguments in AIRFLOW_PARTS.items()
    ]


def migrate_database(environment: Mapping[str, str], logs: Path) -> None:
    """Make Airflow's tables in an empty database."""
    log = logs / "migrate.log"
    command = (str(paths.python_of(paths.AIRFLOW_ENV)), "-m", "airflow", "db", "migrate")
    if _start(command, environment, log).wait(timeout=300) != 0:
        raise StackError(f"Airflow's database could not be made; the end of {log}:\n{_end_of(log)}")


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            cwd=paths.ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:]
