"""A pipeline as a task sees it: declaration, settings, names and clients in one value."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from include.dynamo_lake.declaration import Pipeline, Source, pipeline_names, read_declaration
from include.dynamo_lake.errors import DeclarationError, TerminalError
from include.dynamo_lake.names import PipelineNames, mirror_table
from lake_airflow.aws import Clients
from lake_airflow.publishing import ReadersTable
from lake_airflow.settings import NotDeployedError, PipelineSettings, SettingsError, read_settings

log = logging.getLogger(__name__)


class BrokenPipelinesError(TerminalError):
    """Pipelines have no DAGs because of their declaration or their settings; each is named with its mistakes."""


@dataclass(frozen=True)
class Lake:
    """One pipeline's declaration and settings."""

    pipeline: Pipeline
    settings: PipelineSettings

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.settings.aws_conn_id)

    @property
    def names(self) -> PipelineNames:
        return PipelineNames(self.pipeline.name)

    @property
    def bootstrap_dag(self) -> str:
        return self.names.dag_id("bootstrap")

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    @property
    def target(self) -> str:
        return self.pipeline.target.table

    @property
    def readers(self) -> ReadersTable:
        return ReadersTable(self.bucket, self.settings.analytics_database, self.target, self.settings.output_crawler)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The main source first."""
        lookup = self.pipeline.lookup_source
        return (self.pipeline.main, *((lookup,) if lookup else ()))

    @property
    def mirrors(self) -> tuple[str, ...]:
        return tuple(mirror_table(source.id) for source in self.sources)

    def table_arn(self, source_id: str) -> str:
        """The ARN of a source's DynamoDB table."""
        return self.settings.main_table_arn if source_id == self.pipeline.main.id else self.settings.lookup_table_arn

    def table_name(self, source_id: str) -> str:
        """The name of a source's DynamoDB table."""
        return self.table_arn(source_id).rpartition("/")[2]

    def stream_arn(self, source_id: str) -> str:
        """The stream that the function of the pipeline is mapped to; empty where none is captured."""
        is_main = source_id == self.pipeline.main.id
        return self.settings.main_stream_arn if is_main else self.settings.lookup_stream_arn

    def crawler(self, source_id: str) -> str:
        """The crawler that catalogs a source."""
        return self.settings.main_crawler if source_id == self.pipeline.main.id else self.settings.lookup_crawler


def read_lake(name: str) -> Lake:
    """Read a pipeline's declaration and settings.

    Raises:
        DeclarationError: with every mistake.
        SettingsError: with every missing key.
    """
    pipeline = read_declaration(name)
    return Lake(pipeline, read_settings(name, has_lookup=pipeline.lookup is not None))


def read_lakes() -> Iterator[Lake]:
    """Read every pipeline that can run here: one pipeline's mistake takes no other's DAGs away."""
    for name, found in _look_at_all():
        if isinstance(found, Lake):
            yield found
        else:
            log.warning("Pipeline %s gets no DAGs: %s", name, found)


def require_no_broken_pipeline() -> None:
    """Look at every pipeline; one without a single setting is deployed elsewhere or not yet: no mistake, where another runs.

    Raises:
        BrokenPipelinesError: naming each pipeline that is declared wrongly or lacks some of its settings.
    """
    looked_at = tuple(_look_at_all())
    some_run = any(isinstance(found, Lake) for _, found in looked_at)
    fine = (Lake, NotDeployedError) if some_run else (Lake,)
    broken = [f"{name}: {found}" for name, found in looked_at if not isinstance(found, fine)]
    if broken:
        raise BrokenPipelinesError("\n".join(broken))


def _look_at_all() -> Iterator[tuple[str, Lake | DeclarationError | SettingsError]]:
    for name in pipeline_names():
        try:
            yield name, read_lake(name)
        except (DeclarationError, SettingsError) as error:
            yield name, error
