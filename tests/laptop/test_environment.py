"""What a shell has set for AWS, Airflow and a proxy never reaches a command that works on local AWS."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.laptop import dag, local_aws, local_pipeline, paths
from include.laptop.stack import commands

FOREIGN = {
    "AWS_PROFILE": "nosuch",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://other:8000",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AIRFLOW__SECRETS__BACKEND": "some.where.Else",
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
}
OWN = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "eu-central-1"}


class BegunError(Exception):
    """The command has come to where it works on AWS; the message is what it would work with."""


def work(*_: object) -> Any:
    raise BegunError(" ".join(name for name in os.environ if name.startswith(("AWS_", "AIRFLOW"))))


@pytest.fixture(autouse=True)
def foreign_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)


def test_a_dag_runs_without_the_shells_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["make", "campaign_hourly"])
    monkeypatch.setattr(dag, "read_running", lambda: OWN)
    monkeypatch.setattr(dag, "read_all_deployed", work)
    with pytest.raises(BegunError) as begun:
        dag.main()
    assert set(str(begun.value).split()) == set(OWN)


def test_a_local_aws_is_deployed_without_the_shells_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_aws, "deploy_all", work)
    with pytest.raises(BegunError) as begun:
        local_aws._serve(SimpleNamespace(environment=OWN), lambda _: None)  # type: ignore[arg-type]
    assert set(str(begun.value).split()) == set(OWN)


def test_a_run_from_end_to_end_goes_without_the_shells_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def started(*_: object, **__: object) -> Iterator[Any]:
        yield SimpleNamespace(environment=OWN, endpoint_url="http://127.0.0.1:4566")

    monkeypatch.setattr(local_pipeline, "local_aws", started)
    monkeypatch.setattr(local_pipeline, "deploy_all", work)
    with pytest.raises(BegunError) as begun, local_pipeline.local_pipelines(tmp_path, lambda _: None):
        pass
    assert set(str(begun.value).split()) == set(OWN)


def test_a_stack_starts_without_the_shells_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOCK", "2026-11-24T00:00:00Z")
    left = commands.clean_environment()
    assert not left.keys() & {*FOREIGN, "CLOCK"}
    assert left["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("told", [{}, {"no_proxy": "a.test, b.test"}, {"NO_PROXY": "a.test,b.test"}, {"NO_PROXY": "*"}])
def test_no_command_asks_a_proxy_for_this_machine(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    makefile = f"include {paths.ROOT}/Makefile\nshow: ; @printenv no_proxy NO_PROXY\n"
    shell = {"PATH": os.environ["PATH"], "http_proxy": "http://proxy.test:3128", **told}
    shown = subprocess.run(
        ["make", "-s", "-f", "-", "show"], input=makefile, env=shell, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(set(shown)) == 1
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", shown[0])
    assert urllib.request.proxy_bypass("127.0.0.1:4566")
    assert urllib.request.proxy_bypass("localhost")
    assert bool(urllib.request.proxy_bypass("b.test")) == bool(told)
