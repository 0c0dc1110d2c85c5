"""DAG runs in lives of their own that are killed: no handler runs, nothing is tidied up.

Tasks and triggers run in one process: a kill in a trigger's call is the triggerer's, any other the task's.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.kills import Kill
from tests.e2e.lives import lives_of

MOST_KILLS = 120


def run_and_kill(campaign: LocalPipeline, kind: str, kill: Kill, conf: Mapping[str, Any] | None = None) -> bool:
    """Run a DAG with this process's environment; return whether it came to the call and was killed there."""
    ended = lives_of(campaign.log_path).live(campaign.names.dag_id(kind), conf or {}, kill=asdict(kill))
    return ended == -signal.SIGKILL


def run_killed_at_every_step(campaign: LocalPipeline, kind: str, conf: Mapping[str, Any] | None = None) -> list[str]:
    """Run a DAG once, killed at every step and taken up each time; return what it was killed at. Fails where the run does.

    A task is killed at its first call to AWS, and after the answer of every call that changes something; a wait of the
    triggerer's at its first call. Between two writes a task changes nothing: no other instant leaves another state behind.
    """
    journal = campaign.log_path.parent / f"killed-{kind}.txt"
    journal.unlink(missing_ok=True)
    dag_id, lives = campaign.names.dag_id(kind), lives_of(campaign.log_path)
    for _ in range(MOST_KILLS):
        ended = lives.live(dag_id, conf or {}, journal=str(journal))
        if ended != -signal.SIGKILL:
            break
    killed = journal.read_text().splitlines()
    assert ended == 0, f"ended as {ended} after the kill at {killed[-1]}: see {campaign.log_path}"
    return killed
