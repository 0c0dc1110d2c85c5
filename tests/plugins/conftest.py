"""The environment comes first: Airflow reads it when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import tests.airflow_environment  # noqa: F401
from include.dynamo_lake.declaration import pipeline_names
from tests.plugins.fakes import FakeClients

if TYPE_CHECKING:
    from lake_airflow.pipelines import Lake


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


@pytest.fixture
def lake(clients: FakeClients, pipeline: str) -> Lake:
    """The shipped pipeline over the fake clients."""
    from lake_airflow.pipelines import read_lake

    return read_lake(pipeline)
