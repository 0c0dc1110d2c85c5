"""Pipelines that cannot run here: which of them are import errors, and that no other pipeline loses its DAGs."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from lake_airflow import pipelines

from include.dynamo_lake.declaration import pipeline_names, read_declaration
from tests.airflow_environment import ROOT
from tests.dags.bag import BAG, parse_bag

DAG_IDS = set(BAG.dags)


def test_missing_settings_are_one_clear_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pipeline_names()[0]
    for key in ("BUCKET", "MERGE_JOB"):
        monkeypatch.delenv(f"AIRFLOW__LAKE_{name.upper()}__{key}")
    bag = DagBag(dag_folder=ROOT / "dags" / "declarations.py", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    (error,) = bag.import_errors.values()
    assert "lacks bucket, merge_job" in error
    assert f"AIRFLOW__LAKE_{name.upper()}__BUCKET" in error
    assert "`make deploy`" in error


def parsed_with(monkeypatch: pytest.MonkeyPatch, folder: Path, **declarations: str) -> DagBag:
    """The DAG files over this checkout's declarations and more."""
    for name in pipeline_names():
        (folder / f"{name}.toml").write_bytes((ROOT / "include" / "pipelines" / f"{name}.toml").read_bytes())
    for name, text in declarations.items():
        (folder / f"{name}.toml").write_text(text)
    monkeypatch.setattr(pipelines, "pipeline_names", lambda: pipeline_names(folder))
    monkeypatch.setattr(pipelines, "read_declaration", lambda name: read_declaration(name, folder))
    return parse_bag()


def test_a_wrong_declaration_is_an_import_error_and_costs_no_other_pipeline_its_dags(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bag = parsed_with(monkeypatch, tmp_path, orders="owner = 3")
    assert set(bag.dags) == DAG_IDS
    assert list(bag.import_errors) == ["declarations.py"]
    assert "orders.toml" in bag.import_errors["declarations.py"]


def test_incomplete_settings_are_an_import_error_and_cost_no_other_pipeline_its_dags(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__LAKE_ORDERS__BUCKET", "orders-lake")
    bag = parsed_with(monkeypatch, tmp_path, orders=declaration_text())
    assert set(bag.dags) == DAG_IDS
    assert "section [lake_orders] lacks" in bag.import_errors["declarations.py"]


def test_a_pipeline_that_is_not_deployed_here_gets_no_dags_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bag = parsed_with(monkeypatch, tmp_path, orders=declaration_text())
    assert (set(bag.dags), bag.import_errors) == (DAG_IDS, {})
    assert "Pipeline orders gets no DAGs: Airflow's configuration section [lake_orders] lacks" in caplog.text


def declaration_text() -> str:
    return (ROOT / "include" / "pipelines" / f"{pipeline_names()[0]}.toml").read_text()
