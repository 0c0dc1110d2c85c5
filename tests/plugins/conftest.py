"""The environment comes first: Airflow reads it when it is imported."""

from __future__ import annotations

import pytest

import tests.airflow_environment  # noqa: F401
from include.dynamo_lake.declaration import pipeline_names
from tests.plugins.fakes import FakeClients


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> FakeClients:
    """One set of fake clients behind every connection."""
    from lake_airflow import aws

    fakes = FakeClients()
    for service in ("s3", "glue", "dynamodb", "athena", "logs", "sqs"):
        monkeypatch.setattr(aws.Clients, service, getattr(fakes, service))
    return fakes


@pytest.fixture
def pipeline() -> str:
    """The shipped pipeline's name."""
    return pipeline_names()[0]
