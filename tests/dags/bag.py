"""The DAG files of this checkout, parsed once."""

from __future__ import annotations

from typing import Any

from airflow.dag_processing.dagbag import DagBag

from include.dynamo_lake.declaration import pipeline_names
from tests.airflow_environment import ROOT


def parse_bag() -> DagBag:
    """Parse the DAG files."""
    return DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")


BAG = parse_bag()


def hourly() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_hourly"]


def bootstrap() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_bootstrap"]


def on_change() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_on_change"]


def reconcile() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_reconcile"]


def settled(task: Any, name: str) -> Any:
    """An argument of a task, mapped or not."""
    return task.partial_kwargs.get(name) if hasattr(task, "partial_kwargs") else getattr(task, name)
