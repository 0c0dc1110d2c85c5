"""Run one command of the set-up quietly; its output is shown only where it fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from include.laptop.setup.errors import SetupError

CEILING_S = 900


def run(command: Sequence[object], what: str, environment: Mapping[str, str] | None = None) -> str:
    """Run ``command`` and return what it printed; raise ``SetupError`` naming ``what`` with the end of its output."""
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
        raise SetupError(f"{what} failed:\n{(finished.stdout + finished.stderr)[-3000:]}")
    return finished.stdout
