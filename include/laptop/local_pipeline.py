"""One pipeline on a local AWS of its own: write to its tables, move the clock, run its DAGs, read its target."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from include.deploy.deployment import Deployed
from include.dynamo_lake.declaration import Pipeline, read_declaration
from include.dynamo_lake.names import PipelineNames
from include.laptop.airflow_env import airflow_environment, enter_clean_environment
from include.laptop.athena import Answer, TextRow, query
from include.laptop.dag_run import output_to, prepare_home, run_dag
from include.laptop.expected import expected_rows, sort_key
from include.laptop.running import deploy_all, session
from include.local_aws.process import RunningLocalAws, ask, local_aws

Say = Callable[[str], None]


@dataclass(frozen=True)
class LocalPipeline:
    """A deployed pipeline on a running local AWS; this process's environment is Airflow's."""

    running: RunningLocalAws
    pipeline: Pipeline
    deployed: Deployed
    log_path: Path
    say: Say

    @property
    def names(self) -> PipelineNames:
        return PipelineNames(self.pipeline.name)

    @property
    def bucket(self) -> str:
        return self.deployed.outputs["Bucket"]

    @property
    def target(self) -> str:
        """The readers' table, as SQL names it."""
        return f'"{self.names.analytics_database}"."{self.pipeline.target.table}"'

    def client(self, service: str) -> Any:
        """A boto3 client with the account's root keys."""
        return session(self.running.environment).client(service)  # type: ignore[call-overload]

    def now(self) -> datetime:
        """Local AWS's present."""
        return datetime.fromisoformat(ask(self.running.endpoint_url, "GET", "/_local/status")["now"])

    def advance(self, seconds: int) -> None:
        """Move local AWS's clock forward."""
        ask(self.running.endpoint_url, "POST", "/_local/clock", {"advance": seconds})

    def run(self, kind: str, conf: Mapping[str, Any] | None = None) -> bool:
        """Run one of the pipeline's DAGs (``hourly``) in this process; return whether it succeeded.

        It begins a second later on local AWS's clock: a full export tells a whole second, the present one without its
        fraction, and is to hold what was written before this call.
        """
        self.advance(1)
        with output_to(self.log_path):
            return run_dag(self.names.dag_id(kind), conf or {}, self.say)

    def query(self, sql: str) -> Answer:
        return query(self.client("athena"), self.deployed.outputs["Workgroup"], sql)

    def shown_rows(self) -> list[TextRow]:
        """All rows of the readers' table in declared column order, sorted."""
        columns = ", ".join(column.name for column in self.pipeline.target.columns)
        return sorted(self.query(f"SELECT {columns} FROM {self.target}").rows, key=sort_key)  # noqa: S608 - declared names

    def expected_rows(self) -> list[TextRow]:
        """The rows that the present items of the DynamoDB tables make, by the plain-Python reference."""
        return expected_rows(self.pipeline, self.client("dynamodb"))


@contextmanager
def local_pipelines(folder: Path, say: Say, *, clock: str | None = None) -> Iterator[dict[str, LocalPipeline]]:
    """Start local AWS under ``folder``, deploy every declaration, and make this process an Airflow on top of it.

    Airflow must not have been imported before: it reads its environment once.
    """
    enter_clean_environment()
    with local_aws(folder / "aws", clock=clock) as running:
        say(f"local AWS at {running.endpoint_url}")
        os.environ.update(running.environment)
        deployed = deploy_all(running.environment, say)
        home = folder / "airflow"
        os.environ.update(airflow_environment(running.environment, deployed, home))
        prepare_home(home)
        logging.getLogger("botocore").setLevel(logging.WARNING)
        yield {one.pipeline: _local_pipeline(running, one, home, say) for one in deployed}


def _local_pipeline(running: RunningLocalAws, deployed: Deployed, home: Path, say: Say) -> LocalPipeline:
    return LocalPipeline(running, read_declaration(deployed.pipeline), deployed, home / "run.log", say)
