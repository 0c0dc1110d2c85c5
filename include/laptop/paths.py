"""Where things lie in a checkout. Standard library only; imported before any environment exists."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"

TOOLS_ENV = LOCAL / "tools"
AIRFLOW_ENV = LOCAL / "envs" / "airflow"
AWS_ENV = LOCAL / "envs" / "aws"
INFRA_ENV = LOCAL / "envs" / "infra"
BENCH_ENV = LOCAL / "envs" / "bench"
JARS = LOCAL / "jars"
JAVA_HOME_LINK = LOCAL / "java"
SETUP_STAMP = LOCAL / "setup.json"
SETUP_LOG = LOCAL / "set-up.log"
SETUP_LOCK = LOCAL / "setup.lock"

AIRFLOW_TEMPLATE_DB = LOCAL / "airflow" / "template.db"
AWS_ENV_FILE = LOCAL / "aws.env"
AWS_DATA = LOCAL / "aws"


def python_of(environment: Path) -> Path:
    """The interpreter of one of the checkout's environments."""
    return environment / "bin" / "python"
