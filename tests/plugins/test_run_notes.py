"""What a reconciliation told becomes its run's note when the run ends, in a real Airflow database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.types import DagRunType
from lake_airflow.run_notes import keep_note
from lake_airflow.xcoms import DIFFERENCES, NOTE_KEY
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from include.laptop import paths

RUN_ID = "manual__1"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Airflow's own tables, empty but for what a test puts in; parents of foreign keys are not needed."""
    shutil.copyfile(paths.AIRFLOW_TEMPLATE_DB, tmp_path / "airflow.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    event.listen(engine, "connect", lambda connection, record: connection.execute("PRAGMA foreign_keys=OFF"))
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def ended_run(session: Session, dag_id: str, note: str | None = None) -> Any:
    session.merge(DagBundleModel(name="dags-folder"))
    session.add(DagModel(dag_id=dag_id, bundle_name="dags-folder"))
    run = DagRun(dag_id=dag_id, run_id=RUN_ID, run_type=DagRunType.MANUAL, run_after=datetime(2026, 11, 24, tzinfo=UTC))
    run.note = note
    session.add(run)
    session.flush()
    told = XComModel(
        dag_run_id=run.id,
        dag_id=dag_id,
        run_id=RUN_ID,
        task_id=DIFFERENCES,
        key=NOTE_KEY,
        value='"1 missing"',
        map_index=-1,
    )
    told.timestamp = datetime(2026, 11, 24, tzinfo=UTC)
    session.add(told)
    session.flush()
    return run


def test_what_was_told_becomes_the_note(session: Session) -> None:
    run = ended_run(session, "orders_reconcile")
    keep_note(run)
    session.flush()
    session.expire(run)
    assert run.note == "1 missing"


def test_a_note_that_somebody_wrote_stays(session: Session) -> None:
    run = ended_run(session, "orders_reconcile", note="watch this one")
    keep_note(run)
    assert run.note == "watch this one"


def test_runs_of_other_dags_are_left_alone(session: Session) -> None:
    run = ended_run(session, "orders_hourly")
    keep_note(run)
    assert run.note is None
