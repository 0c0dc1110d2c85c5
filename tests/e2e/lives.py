"""A process that has imported what DAG runs need, and forks a life for each: being killed costs no start of Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from include.laptop import paths
from include.laptop.dag_run import run_dag
from tests.e2e.kills import Journal, Kill, watch_calls


class Lives:
    """Runs DAGs one after the other, each in a fork; it ends with the process that began it."""

    def __init__(self, log_path: Path) -> None:
        """Take this process's environment over; everything that a run prints goes into the log."""
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                cwd=paths.ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def live(self, dag_id: str, conf: Mapping[str, Any], **watched: Any) -> int:
        """Run a DAG; 0 where it succeeded, 1 where it failed, minus the signal that killed it.

        ``kill``: a ``Kill`` as a dictionary. ``journal``: path of a ``Journal``; where it exists, the DAG's newest run goes on.
        """
        sent, answered = self._process.stdin, self._process.stdout
        assert sent is not None
        assert answered is not None
        print(json.dumps({"dag_id": dag_id, "conf": dict(conf), **watched}), file=sent, flush=True)
        return int(answered.readline())


@cache
def lives_of(log_path: Path) -> Lives:
    """The one of this test session."""
    return Lives(log_path)


def _serve() -> None:
    """Read a life's line, fork it, and write how it ended."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_what_runs_need()
    for line in sys.stdin:
        life = os.fork()
        if life == 0:
            succeeded = _live(**json.loads(line))
            sys.stdout.flush()
            os._exit(0 if succeeded else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(life, 0)[1]), file=answers, flush=True)


def _import_what_runs_need() -> None:
    import aiobotocore.client  # noqa: F401
    from airflow import settings
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    # It makes its routes at its first request, which takes longer than most tasks.
    in_process_api_server().app._cadwyn_initialize()
    DagBag(dag_folder=paths.ROOT / "dags", bundle_path=paths.ROOT / "dags", bundle_name="dags-folder")
    settings.engine.dispose()


def _live(dag_id: str, conf: Mapping[str, Any], kill: Mapping[str, Any] | None = None, journal: str = "") -> bool:
    if journal and Path(journal).exists():
        _go_on()
    watch_calls(Kill(**kill).watch() if kill else Journal(Path(journal)).watch)
    return run_dag(dag_id, conf, print)


def _go_on() -> None:
    """Let ``DAG.test`` take up the newest run of its DAG, where it would begin another.

    What was under way is tried again, as the scheduler does where a task's process or the triggerer is gone.
    """
    from airflow.models import dagrun
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.utils.state import State
    from sqlalchemy import select

    def newest(*, dag: Any, session: Any, **_: Any) -> Any:
        run = session.scalars(
            select(dagrun.DagRun).where(dagrun.DagRun.dag_id == dag.dag_id).order_by(dagrun.DagRun.id.desc())
        ).first()
        run.dag = dag
        for task in run.get_task_instances(session=session):
            if task.state in State.unfinished and task.state not in {None, "up_for_retry", "up_for_reschedule"}:
                task.state = task.next_method = task.next_kwargs = None
        session.commit()
        return run

    dagrun.get_or_create_dagrun = newest
    SerializedDAG.clear_dags = lambda **_: None


if __name__ == "__main__":
    _serve()
