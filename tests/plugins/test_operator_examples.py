"""The examples of docs/operators.md are DAG files as they stand; tests/stack runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.airflow_environment import ROOT

DOCUMENT = (ROOT / "docs" / "operators.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split('DAG("')[1].split('"')[0])
def test_an_example_is_a_dag_file_that_needs_no_pipeline(example: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(example)
    bag = DagBag(dag_folder=file, bundle_path=tmp_path, bundle_name="own")
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    assert dag.tasks
    assert "include.dynamo_lake" not in example


def test_every_documented_name_exists() -> None:
    from lake_airflow.operators import crawl, export, merge
    from lake_airflow.triggers import athena, base, glue
    from lake_airflow.triggers import export as export_triggers

    modules = (crawl, export, merge, athena, base, glue, export_triggers)
    named = set(re.findall(r"`(\w+(?:Operator|Sensor|Trigger))`", DOCUMENT))
    ours = named - {"DynamoDBToS3Operator", "GlueJobOperator"}  # the provider's, that ours are compared with
    assert {name for name in ours if not any(hasattr(module, name) for module in modules)} == set()
