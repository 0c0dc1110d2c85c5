"""``make destroy ENV=<name>``: take the stacks away. Data stays, unless its deletion is asked for and confirmed by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from include.deploy.airflow_api import AirflowApi
from include.deploy.environments import Environment, require_account
from include.deploy.kept import has_bucket, is_stacks_key, read_default_key
from include.deploy.pausing import dag_ids, pause_at_rest, unpaused_dags
from include.deploy.stack import Say, delete_stack, read_outputs, read_parameters, read_stack
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import PipelineNames

KEY_PENDING_DAYS = 30


class NotConfirmedError(TerminalError):
    """Data would be deleted, and its bucket was not named."""


class MoreThanOneError(TerminalError):
    """Data is deleted of one pipeline at a time."""


class UndeletedObjectsError(TerminalError):
    """S3 kept objects of the bucket."""


@dataclass(frozen=True)
class Deletion:
    """Whose data is deleted with its stack: ``confirmed`` must be the pipeline's bucket."""

    confirmed: str


@dataclass(frozen=True)
class Holding:
    """What a pipeline has here: its stack, or the bucket that a stack has left."""

    names: PipelineNames
    has_stack: bool
    bucket: str
    key: str | None
    is_own_bucket: bool = False


def destroy(
    session: Any,
    environment: Environment,
    deletion: Deletion | None,
    say: Say,
    *,
    mwaa: Any = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete the stacks of an environment's pipelines; source tables, bucket, key and lake databases stay.

    With ``deletion`` bucket, lake databases and key go too; source tables never. ``mwaa``: a client, where the
    environment names one; the pipelines' DAGs are paused first.

    Raises:
        NotConfirmedError, MoreThanOneError: before anything is deleted.
        FrozenRunError, DagsBusyError: runs are under way; nothing is deleted.
        UndeletedObjectsError: run it again once S3 lets them go.
    """
    require_account(session, environment.account)
    found = [one for name in environment.pipelines if (one := _read(session, environment, name)) is not None]
    holdings = [one for one in found if one.has_stack or deletion is not None]
    if deletion is not None:
        _require_confirmed(holdings, deletion)
    if mwaa is not None and holdings:
        _pause(mwaa, environment, [one.names.pipeline for one in holdings], say, sleep)
    for one in holdings:
        delete_stack(session.client("cloudformation"), one.names.stack, say)
        if deletion is None:
            say(
                f"kept: s3://{one.bucket}, its key, the lake databases, the source tables; a later deployment takes "
                "them back"
            )
        else:
            _delete_data(session, one, say)
    if not holdings:
        say(f"environment {environment.name} has no stack")


def _read(session: Any, environment: Environment, name: str) -> Holding | None:
    """Without a stack only a bucket that one made is found: what a deletion that broke off goes on with."""
    names = PipelineNames(name)
    stack = read_stack(session.client("cloudformation"), names.stack)
    parameters = read_parameters(stack) if stack else {}
    bucket = parameters.get("BucketName", names.bucket(environment.account, environment.region))
    is_there = has_bucket(session, bucket, environment.account)
    if stack is None and not is_there:
        return None
    outputs = read_outputs(stack) if stack else {}
    key = outputs.get("KeyArn") or read_default_key(session.client("s3"), bucket)
    return Holding(names, stack is not None, bucket, key, parameters.get("CreateBucket") == "false")


def _require_confirmed(holdings: list[Holding], deletion: Deletion) -> None:
    if len(holdings) != 1:
        stacks = ", ".join(one.names.stack for one in holdings) or "no stack"
        raise MoreThanOneError(f"data is deleted of one pipeline at a time, here are {stacks}: name it with PIPELINE=")
    bucket = holdings[0].bucket
    if deletion.confirmed != bucket:
        raise NotConfirmedError(f"this deletes every object of {bucket}: say CONFIRM={bucket}")


def _pause(
    client: Any, environment: Environment, pipelines: list[str], say: Say, sleep: Callable[[float], None]
) -> None:
    """A run under way would lose what it works with, and a crawl keeps the stack from being deleted."""
    api = AirflowApi(client, str(environment.mwaa))
    try:
        unpaused = unpaused_dags(api, dag_ids(pipelines))
    except client.exceptions.ResourceNotFoundException:
        say(f"there is no MWAA environment {environment.mwaa}: no DAG to pause")
        return
    pause_at_rest(api, unpaused, say, sleep=sleep)
    say(f"paused: {', '.join(unpaused) or 'nothing was unpaused'}")


def _delete_data(session: Any, one: Holding, say: Say) -> None:
    """The catalog first: a table whose files are gone must not be found. Each step passes over what is gone already.

    The bucket last: it is how a deletion that broke off finds the rest. What the stack did not make stays.
    """
    for database in (one.names.analytics_database, one.names.lake_database):
        _delete_database(session.client("glue"), database, say)
    if one.key is not None:
        _delete_key(session.client("kms"), one.names, one.key, say)
    if one.is_own_bucket:
        say(f"kept, since it is your own: s3://{one.bucket}")
    else:
        _delete_bucket(session.client("s3"), one.bucket, say)


def _delete_key(kms: Any, names: PipelineNames, key: str, say: Say) -> None:
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    if not is_stacks_key(metadata, names):
        say(f"kept, since it is your own: key {key}")
    elif metadata["KeyState"] != "PendingDeletion":
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_PENDING_DAYS)
        say(f"key {key}: deleted in {KEY_PENDING_DAYS} days, until then `aws kms cancel-key-deletion` keeps it")


def _delete_database(glue: Any, name: str, say: Say) -> None:
    try:
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=name):
            for table in page["TableList"]:
                glue.delete_table(DatabaseName=name, Name=table["Name"])
        glue.delete_database(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
    say(f"deleted database {name}")


def _delete_bucket(s3: Any, bucket: str, say: Say) -> None:
    count = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            _delete_versions(s3, bucket, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in entries])
            count += len(entries)
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "404"):
            raise
    say(f"deleted s3://{bucket} ({count} object versions)")


def _delete_versions(s3: Any, bucket: str, objects: list[dict[str, str]]) -> None:
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}) if objects else {}
    if refused := answer.get("Errors"):
        first = f"{refused[0]['Key']}: {refused[0]['Code']} {refused[0].get('Message', '')}"
        raise UndeletedObjectsError(f"S3 kept {len(refused)} objects of {bucket}, first {first}")
