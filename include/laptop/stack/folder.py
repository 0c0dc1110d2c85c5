"""The stack's folder (``.local/up``): its files, and the state that its supervisor leaves there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from include.laptop import paths

STARTING, READY, FAILED = "starting", "ready", "failed"


@dataclass(frozen=True)
class StackState:
    """What the supervisor says of itself.

    ``pid`` with ``created`` (seconds since the epoch) names one process for good: numbers are given again, start times
    are not. ``message`` is why the phase is ``failed``, or what did not go well although the stack is ready.
    """

    pid: int
    created: float
    phase: str = STARTING
    url: str = ""
    database: str = ""
    endpoint_url: str = ""
    traffic: bool = True
    message: str = ""


@dataclass(frozen=True)
class StackFolder:
    """Where the stack of this checkout keeps everything that it writes; emptied by the next start."""

    # Copies of a checkout share its `.local` by a link: one stack for all of them.
    root: Path = paths.LOCAL.resolve() / "up"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def shown_logs(self) -> Path:
        """Where the logs lie, seen from the checkout."""
        return self.logs.relative_to(self.root.parents[1])

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def progress(self) -> Path:
        return self.root / "progress.log"

    @property
    def lock(self) -> Path:
        return self.root.with_name(self.root.name + ".lock")

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    @property
    def airflow_settings(self) -> Path:
        """The parts' variables: a shell that sources them has the stack's ``airflow`` command line."""
        return self.root / "airflow.env"

    @property
    def aws(self) -> Path:
        return self.root / "aws"

    def read_state(self) -> StackState | None:
        """The state of the last start; None where there was none, or where its file is damaged."""
        try:
            return StackState(**json.loads(self.state_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_state(self, state: StackState) -> None:
        """Replace the state in one step: a reader never sees half of it."""
        staged = self.state_file.with_suffix(".new")
        staged.write_text(json.dumps(asdict(state), indent=1))
        staged.rename(self.state_file)
