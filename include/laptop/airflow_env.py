"""The environment of Airflow on a laptop: what MWAA sets through configuration options, as variables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from include.deploy.deployment import Deployed
from include.laptop import paths

POLL_S = "1"
# What a shell may hold that would steer Airflow or the AWS clients elsewhere; and without compiled modules every part, and
# every task, compiles a thousand modules anew.
_UNWANTED = ("AWS_", "AIRFLOW", "CLOCK", "PYTHONDONTWRITEBYTECODE")


def clean_environment() -> dict[str, str]:
    """This shell's environment without its own settings for AWS and Airflow: a laptop's commands work on local AWS alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}


def enter_clean_environment() -> None:
    """Leave this process such an environment. Call it before anything of AWS or Airflow is made or imported."""
    for name in os.environ.keys() - clean_environment().keys():
        del os.environ[name]


def airflow_environment(aws: Mapping[str, str], deployed: Iterable[Deployed], home: Path) -> dict[str, str]:
    """Variables for an Airflow process under ``home``: DAGs, plugins, the pipelines' settings and connections.

    Airflow acts as each stack's Airflow role, as on MWAA: the root keys are only there to assume it.
    """
    environment = {
        **aws,
        "PYTHONPATH": f"{paths.ROOT}:{paths.ROOT / 'plugins'}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(paths.ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(paths.ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LAKE__POLL_S": POLL_S,
        "AIRFLOW__LAKE__RETRY_DELAY_S": POLL_S,
        "PYTHONWARNINGS": "ignore",
    }
    for one in deployed:
        environment |= one.settings | _connection(one, aws)
    return environment


def _connection(deployed: Deployed, aws: Mapping[str, str]) -> dict[str, str]:
    """The pipeline's AWS connection, and the setting that names it: every stack has an Airflow role of its own."""
    section = next(iter(deployed.settings)).rsplit("__", 1)[0]
    connection_id = section.removeprefix("AIRFLOW__").lower()
    extra = {"role_arn": deployed.outputs["AirflowRoleArn"], "region_name": aws["AWS_REGION"]}
    return {
        f"{section}__AWS_CONN_ID": connection_id,
        f"AIRFLOW_CONN_{connection_id.upper()}": json.dumps({"conn_type": "aws", "extra": extra}),
    }
