"""One local AWS with the stacks deployed, and Airflow on top of it in this process: the DAGs of all e2e tests run here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.laptop.local_pipeline import LocalPipeline, local_pipelines
from tests.e2e.soundness import change, require_sound


@pytest.fixture(scope="session")
def said() -> list[str]:
    """The lines that the runs said, one for every task that ended."""
    return []


@pytest.fixture(scope="session")
def pipelines(said: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LocalPipeline]]:
    folder: Path = tmp_path_factory.mktemp("e2e")
    before = dict(os.environ)
    # A morning: the hours of the tests lie on one day, so that none of them is the one that maintains.
    morning = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
    with local_pipelines(folder, said.append, clock=morning.isoformat()) as deployed:
        yield deployed
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def campaign(pipelines: dict[str, LocalPipeline]) -> LocalPipeline:
    return pipelines["campaign"]


@pytest.fixture(scope="session")
def lake(campaign: LocalPipeline) -> LocalPipeline:
    """The first pipeline with items that come and go, bootstrapped."""
    change(campaign)
    assert campaign.run("bootstrap")
    require_sound(campaign)
    return campaign
