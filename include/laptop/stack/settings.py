"""Airflow's settings for a stack on one small machine, the same with and without containers."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
# What the containers of docker-compose.yaml set too; a test compares the two.
STACK_SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    # Two cores: a handful of waiting tasks beside one that works.
    "AIRFLOW__CORE__PARALLELISM": "4",
    # No sign-in: the API server listens on this machine alone, and a stranger should see the pipeline, not a password.
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    # The default asks the machine's name server, which a laptop may not reach.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__API__INSTANCE_NAME": "Lake on a laptop",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "600",
    "AIRFLOW__SCHEDULER__POOL_METRICS_INTERVAL": "60",
    "AIRFLOW__TRIGGERER__CAPACITY": "50",
    # A busy machine answers late: a task should wait for its API server, not fail.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@dataclass(frozen=True)
class StackSecrets:
    """Keys that the parts share, made anew for every start; kept in the parts' environments alone."""

    fernet_key: str = field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    api_key: str = field(default_factory=lambda: secrets.token_hex(32))
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    database_password: str = field(default_factory=lambda: secrets.token_hex(16))

    def settings(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
            "AIRFLOW__API__SECRET_KEY": self.api_key,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.jwt_secret,
        }


def api_settings(port: int) -> dict[str, str]:
    """Where the API server listens, and where tasks find it: both follow the port."""
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
    }


def bundle_settings(pipelines: Path, own: Path | None) -> dict[str, str]:
    """Where DAG files are: Airflow's default (the pipelines' folder alone), or a second folder beside it."""
    if own is None:
        return {}
    bundles = [
        {"name": name, "classpath": _LOCAL_BUNDLE, "kwargs": {"path": str(folder)}}
        for name, folder in (("dags-folder", pipelines), ("own", own))
    ]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}


def write_settings(path: Path, settings: Mapping[str, str], *, mode: int = 0o600) -> None:
    """Write variables as a file that a shell sources, in one step: whoever finds it finds it whole."""
    staged = path.with_suffix(".new")
    staged.touch(mode)
    staged.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))
    staged.rename(path)


def read_settings(path: Path) -> dict[str, str]:
    """Read such a file; raises FileNotFoundError where there is none."""
    return dict(entry.split("=", 1) for entry in shlex.split(path.read_text()))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
