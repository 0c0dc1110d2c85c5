"""Run one command of the set-up quietly: where it fails its last line is shown, and all of its output is kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from include.laptop import paths
from include.laptop.setup.errors import SetupError

CEILING_S = 900


def run(command: Sequence[object], what: str, environment: Mapping[str, str] | None = None) -> str:
    """Run ``command`` and return what it printed; raise ``SetupError`` naming ``what`` with the last line of its output."""
    try:
        finished = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            timeout=CEILING_S,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{what} took more than {CEILING_S} s: check the network and run again") from error
    if finished.returncode != 0:
        raise SetupError(f"{what} failed: {_last_line(finished.stdout + finished.stderr)}")
    return finished.stdout


def _last_line(output: str) -> str:
    """The last line that says something, and where the whole output is."""
    paths.SETUP_LOG.parent.mkdir(exist_ok=True)
    paths.SETUP_LOG.write_text(output)
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return f"{said[-1] if said else 'it said nothing'} (all of it: {paths.SETUP_LOG.relative_to(paths.ROOT)})"
