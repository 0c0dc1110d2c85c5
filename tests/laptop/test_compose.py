"""The containers of docker-compose.yaml are the stack of ``make up``: same settings, nothing open to the network."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.deploy.deployment import Deployed
from include.deploy.settings import KEY_BY_OUTPUT, build_settings
from include.laptop import paths
from include.laptop.airflow_env import airflow_environment
from include.laptop.stack.container import per_start_settings
from include.laptop.stack.parts import AIRFLOW_PARTS
from include.laptop.stack.settings import STACK_SETTINGS, StackSecrets, api_settings, read_settings, write_settings

COMPOSE = yaml.safe_load((paths.ROOT / "docker-compose.yaml").read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
AIRFLOW_SERVICES = ("airflow-init", *AIRFLOW_PARTS)
AWS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "key"}
OUTPUTS = {output: f"the {output}" for output in (*KEY_BY_OUTPUT, "AirflowRoleArn")}
DEPLOYED = (Deployed("campaign", "campaign-lake", OUTPUTS, build_settings("campaign", OUTPUTS)),)
# Where a container is a place of its own: folders, the database's host, the interface behind the published port.
PLACES = {
    "PYTHONPATH",
    "AIRFLOW_HOME",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__BASE_URL",
}


def laptop_settings() -> dict[str, str]:
    """What `make up` gives to Airflow's processes."""
    base = airflow_environment(AWS, DEPLOYED, Path("/opt/airflow"))
    return base | STACK_SETTINGS | api_settings(8080) | StackSecrets().settings() | {"SPT_NOENV": "1"}


def test_containers_get_every_setting_of_the_laptop_from_compose_or_from_the_file_of_their_start() -> None:
    per_start = per_start_settings(AWS, DEPLOYED) | StackSecrets().settings()
    for service in AIRFLOW_SERVICES:
        names = SERVICES[service]["environment"].keys() | per_start.keys()
        assert names == laptop_settings().keys()


def test_settings_that_both_name_have_the_same_value() -> None:
    laptop = laptop_settings()
    for service in AIRFLOW_SERVICES:
        compose = SERVICES[service]["environment"]
        assert {n: v for n, v in compose.items() if n not in PLACES} == {
            n: laptop[n] for n in compose if n not in PLACES
        }


def test_a_shell_that_sources_the_file_of_a_start_gets_its_settings_unchanged(tmp_path: Path) -> None:
    settings = per_start_settings(AWS, DEPLOYED)
    assert "AIRFLOW_CONN_LAKE_CAMPAIGN" in settings
    file = tmp_path / "airflow.env"
    write_settings(file, settings)
    script = f"set -a; . {shlex.quote(str(file))}; env -0"
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env={}).stdout
    sourced = dict(entry.split("=", 1) for entry in shown.split("\0") if "=" in entry)
    assert {name: sourced.get(name) for name in settings} == settings
    assert read_settings(file) == settings


def test_each_part_runs_the_command_of_the_laptop() -> None:
    assert {name: tuple(SERVICES[name]["command"]) for name in AIRFLOW_PARTS} == AIRFLOW_PARTS


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_127_0_0_1_alone(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root(name: str) -> None:
    assert SERVICES[name]["user"].split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "airflow-init"])
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", AIRFLOW_PARTS)
def test_parts_wait_for_the_database_local_aws_and_the_migration(name: str) -> None:
    waits = {service: one["condition"] for service, one in SERVICES[name]["depends_on"].items()}
    assert waits == {
        "postgres": "service_healthy",
        "local-aws": "service_healthy",
        "airflow-init": "service_completed_successfully",
    }


def test_images_are_pinned_to_a_version() -> None:
    built = [(paths.ROOT / one["build"]["dockerfile"]).read_text() for one in SERVICES.values() if "build" in one]
    bases = [line.split()[1] for text in built for line in text.splitlines() if line.startswith("FROM ")]
    images = [*bases, *(one["image"] for one in SERVICES.values())]
    assert all(any(character.isdigit() for character in image.partition(":")[2]) for image in images), images
    assert "apache/airflow:3.3.1-python3.12" in bases


def test_every_mount_exists_and_no_named_volume_is_undeclared() -> None:
    mounts = {mount.split(":")[0] for one in SERVICES.values() for mount in one.get("volumes", ())}
    folders = {mount for mount in mounts if mount.startswith("./")}
    assert all((paths.ROOT / folder).is_dir() for folder in folders)
    assert mounts - folders == COMPOSE["volumes"].keys()


def test_docker_compose_accepts_the_file() -> None:
    try:
        client = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no docker client on this machine")
    if client.returncode != 0:
        pytest.skip("the docker client of this machine has no compose")
    command = ["docker", "compose", "-f", str(paths.ROOT / "docker-compose.yaml"), "config", "--quiet"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
