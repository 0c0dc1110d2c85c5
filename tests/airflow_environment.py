"""What Airflow and the pipelines' settings read from the environment; imported before Airflow, which reads its own part once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from include.deploy.settings import KEY_BY_OUTPUT, build_settings
from include.dynamo_lake.declaration import pipeline_names, read_declaration
from include.dynamo_lake.names import PipelineNames

ROOT = Path(__file__).resolve().parents[1]
_ARN = "arn:aws:dynamodb:eu-central-1:000000000000:table/"


def stack_outputs(name: str) -> dict[str, str]:
    """Outputs of a pipeline's stack, as its template would give them."""
    pipeline, names = read_declaration(name), PipelineNames(name)
    outputs = dict.fromkeys(KEY_BY_OUTPUT, f"{names.dashed}-value")
    outputs |= {
        "Bucket": f"{names.dashed}-lake-000000000000-eu-central-1",
        "MainTableArn": _ARN + pipeline.main.table,
        "LookupTableArn": _ARN + pipeline.lookup_source.table if pipeline.lookup_source else "",
        "MergeJob": f"{names.dashed}-merge",
        "MainCrawler": f"{names.dashed}-source-main",
        "LookupCrawler": f"{names.dashed}-source-lookup" if pipeline.lookup_source else "",
        "OutputCrawler": f"{names.dashed}-output",
        "Workgroup": names.dashed,
        "SourcesDatabase": names.sources_database,
        "LakeDatabase": names.lake_database,
        "AnalyticsDatabase": names.analytics_database,
    }
    return outputs


def airflow_variables() -> dict[str, str]:
    """Variables of an Airflow process that parses this checkout's DAGs, without a database of its own."""
    variables = {
        "AIRFLOW_HOME": os.environ.get("LAKE_TEST_AIRFLOW_HOME") or tempfile.mkdtemp(prefix="lake-airflow-"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LAKE__POLL_S": "1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name in pipeline_names():
        variables |= build_settings(name, stack_outputs(name))
    return variables


os.environ.update(airflow_variables())
