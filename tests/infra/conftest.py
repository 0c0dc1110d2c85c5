"""What the tests share: the rendered template, one local AWS a module, a checkout to deploy, a session in the account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from include.local_aws.process import RunningLocalAws, start_local_aws
from tests.infra.checkouts import copy_checkout
from tests.infra.mwaa_double import MwaaDouble
from tests.infra.releasing import mwaa
from tests.infra.template import PARAMETERS, Rendered


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    """The template of a pipeline with everything."""
    return Rendered(PARAMETERS)


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLocalAws]:
    running = start_local_aws(tmp_path_factory.mktemp("local-aws"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("deployed") / "checkout", "print('merge')\n")


@pytest.fixture
def session(local_aws: RunningLocalAws, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.Session()


@pytest.fixture
def double(session: boto3.Session) -> Iterator[MwaaDouble]:
    with mwaa(session) as double:
        yield double
