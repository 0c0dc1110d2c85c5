"""Notes of runs: a task cannot write its run's note (the Task SDK has no such call), the scheduler can when the run ends."""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from lake_airflow.xcoms import DIFFERENCES, NOTE_KEY


class RunNotes:
    """A listener that makes the text which a reconciliation told its run's note, unless somebody wrote one."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        keep_note(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        keep_note(dag_run)


def keep_note(dag_run: Any) -> None:
    """Copy XCom ``note`` of task ``differences`` into the run's note, within the session that the run belongs to.

    A run of ``dag.test`` belongs to none: it gets one of its own.
    """
    if not dag_run.dag_id.endswith("_reconcile"):
        return
    # Here, not above: only the scheduler may reach the database.
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        _write_note(session, dag_run)
        return
    with create_session() as own:
        _write_note(own, own.get(DagRun, dag_run.id))


def _write_note(session: Any, dag_run: Any) -> None:
    from airflow.models.xcom import XComModel

    query = XComModel.get_many(
        run_id=dag_run.run_id, dag_ids=dag_run.dag_id, task_ids=DIFFERENCES, key=NOTE_KEY, limit=1
    )
    told = session.scalars(query).first()
    if told is not None and not dag_run.note:
        dag_run.note = str(XComModel.deserialize_value(told))
