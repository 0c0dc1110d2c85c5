"""Deployments of the shipped declaration under other names, each with tables of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boto3

from include.deploy.deployment import Choices, Deployed, deploy
from include.deploy.parameters import table_keys
from include.deploy.tables import TableKey
from include.dynamo_lake.declaration import Pipeline, pipeline_names, read_declaration

PIPELINE = read_declaration(pipeline_names()[0])


def named(name: str) -> Pipeline:
    """The shipped declaration under another name."""
    sources = tuple(replace(source, table=f"{name}-{source.table}") for source in PIPELINE.sources)
    return replace(PIPELINE, name=name, sources=sources)


def capturing(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, schedule=replace(pipeline.schedule, mode="both"))


def deploy_as(
    session: boto3.Session, checkout: Path, pipeline: Pipeline, choices: Choices | None = None
) -> tuple[Deployed, list[str]]:
    """Deploy, and return what the deployment said."""
    lines: list[str] = []
    return deploy(session, checkout, pipeline, choices or Choices(), lines.append), lines


def create_adoptable(session: boto3.Session, pipeline: Pipeline, **more: object) -> None:
    """The pipeline's tables as an application has them, with all that a stack needs of them."""
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    recovery = {"PointInTimeRecoveryEnabled": True}
    for declared in table_keys(pipeline):
        create_table(session, declared, StreamSpecification=stream, **more)
        session.client("dynamodb").update_continuous_backups(
            TableName=declared.table, PointInTimeRecoverySpecification=recovery
        )


def create_table(session: boto3.Session, table: TableKey, **more: object) -> None:
    session.client("dynamodb").create_table(
        TableName=table.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in table.key],
        KeySchema=[
            {"AttributeName": name, "KeyType": role}
            for (name, _), role in zip(table.key, ("HASH", "RANGE"), strict=False)
        ],
        **more,
    )
