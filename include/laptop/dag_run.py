"""Run one DAG once in this process, without a scheduler, and say how each task went."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.laptop import paths

Say = Callable[[str], None]


class UnknownDagError(Exception):
    """No DAG of that name, or its file does not import."""


@dataclass
class TaskLines:
    """An Airflow listener that says a line for every task that ended and for every note of the run, and keeps the errors."""

    say: Say
    errors: list[str] = field(default_factory=list)

    def listener(self) -> Any:
        from airflow.listeners import hookimpl

        lines = self

        class Listener:
            @hookimpl
            def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
                lines.say(f"  {_label(task_instance)}: success")
                for note in _read_notes(task_instance):
                    lines.say(f"    note: {note}")

            @hookimpl
            def on_task_instance_skipped(self, previous_state: Any, task_instance: Any) -> None:
                lines.say(f"  {_label(task_instance)}: skipped")

            @hookimpl
            def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
                lines.say(f"  {_label(task_instance)}: failed: {error}")
                lines.errors.append(f"{_label(task_instance)}: {error}")

        return Listener()


def prepare_home(home: Path) -> None:
    """Make an Airflow home with an empty, migrated database. Call before Airflow is imported, with ``AIRFLOW_HOME`` set."""
    os.environ["AIRFLOW__AWS__SESSION_FACTORY"] = "include.laptop.aws_session.SharedModelsSessionFactory"
    (home / "logs").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(paths.AIRFLOW_TEMPLATE_DB, home / "airflow.db")


def run_dag(dag_id: str, conf: Mapping[str, Any], say: Say) -> bool:
    """Run the DAG with triggers inline and without a data interval; return whether it succeeded.

    Raises ``UnknownDagError`` naming the known DAGs or the import errors.
    """
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.listener import get_listener_manager

    bag = DagBag(dag_folder=paths.ROOT / "dags", bundle_path=paths.ROOT / "dags", bundle_name="dags-folder")
    if dag_id not in bag.dags:
        problems = "".join(f"\n{file}: {error}" for file, error in bag.import_errors.items())
        raise UnknownDagError(f"no DAG {dag_id!r}; known: {', '.join(sorted(bag.dags)) or 'none'}{problems}")
    listener = TaskLines(say).listener()
    manager: Any = get_listener_manager()
    manager.add_listener(listener)
    try:
        run = bag.dags[dag_id].test(logical_date=None, run_conf=dict(conf))
    finally:
        manager.pm.unregister(listener)
    return str(run.state) == "success"


@contextmanager
def output_to(log_path: Path) -> Iterator[None]:
    """Send everything that this process prints into a file: Airflow says a lot."""
    saved = os.dup(1), os.dup(2)
    with log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            for descriptor in saved:
                os.close(descriptor)


def _read_notes(task_instance: Any) -> list[str]:
    """What a task that just ended has added to the run's notes; ``announce`` puts them into the asset event."""
    from lake_airflow.xcoms import FINISH, PLAN, PLAN_KEY

    if task_instance.task_id == PLAN:
        told = task_instance.xcom_pull(task_ids=PLAN, key=PLAN_KEY) or {}
        return list(told.get("notes", ()))
    if task_instance.task_id == FINISH:
        return list((task_instance.xcom_pull(task_ids=FINISH) or {}).get("stuck", ()))
    return []


def _label(task_instance: Any) -> str:
    index = getattr(task_instance, "map_index", -1)
    return f"{task_instance.task_id}" + (f"[{index}]" if index is not None and index >= 0 else "")
