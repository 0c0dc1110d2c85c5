"""``make destroy ENV=<name>``: take the stacks away. Data stays, unless its deletion is asked for and confirmed by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from include.deploy.deployment import Deployed, read_deployed
from include.deploy.environments import Environment, require_account
from include.deploy.stack import Say, delete_stack, read_parameters, read_stack
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import PipelineNames

KEY_PENDING_DAYS = 30


class NotConfirmedError(TerminalError):
    """Data would be deleted, and its bucket was not named."""


class MoreThanOneError(TerminalError):
    """Data is deleted of one pipeline at a time."""


@dataclass(frozen=True)
class Deletion:
    """Whose data is deleted with its stack: ``confirmed`` must be the pipeline's bucket."""

    confirmed: str


def destroy(session: Any, environment: Environment, deletion: Deletion | None, say: Say) -> None:
    """Delete the stacks of an environment's pipelines; source tables, bucket, key and lake databases stay.

    With ``deletion`` bucket, lake databases and key go too; source tables never.

    Raises:
        NotConfirmedError, MoreThanOneError: before anything is deleted.
    """
    require_account(session, environment.account)
    cloudformation = session.client("cloudformation")
    deployed = [one for name in environment.pipelines if (one := _read(session, name)) is not None]
    if deletion is not None:
        _require_confirmed(deployed, deletion)
    for one in deployed:
        parameters = read_parameters(cloudformation.describe_stacks(StackName=one.stack)["Stacks"][0])
        delete_stack(cloudformation, one.stack, say)
        if deletion is None:
            say(
                f"kept: s3://{one.outputs['Bucket']}, key {one.outputs['KeyArn']}, the lake databases, the source "
                "tables; a later deployment takes them back"
            )
        else:
            _delete_data(session, one, parameters, say)
    if not deployed:
        say(f"environment {environment.name} has no stack")


def _read(session: Any, name: str) -> Deployed | None:
    if read_stack(session.client("cloudformation"), PipelineNames(name).stack) is None:
        return None
    return read_deployed(session, read_declaration(name))


def _require_confirmed(deployed: list[Deployed], deletion: Deletion) -> None:
    if len(deployed) != 1:
        stacks = ", ".join(one.stack for one in deployed) or "no stack"
        raise MoreThanOneError(f"data is deleted of one pipeline at a time, here are {stacks}: name it with PIPELINE=")
    bucket = deployed[0].outputs["Bucket"]
    if deletion.confirmed != bucket:
        raise NotConfirmedError(f"this deletes every object of {bucket}: say CONFIRM={bucket}")


def _delete_data(session: Any, one: Deployed, parameters: Mapping[str, str], say: Say) -> None:
    """The catalog first: a table whose files are gone must not be found. Each step passes over what is gone already.

    What the stack did not make is somebody's own, and stays.
    """
    for output in ("AnalyticsDatabase", "LakeDatabase"):
        _delete_database(session.client("glue"), one.outputs[output], say)
    bucket, key = one.outputs["Bucket"], one.outputs["KeyArn"]
    if parameters.get("CreateBucket") == "false":
        say(f"kept, since it is your own: s3://{bucket}")
    else:
        _delete_bucket(session.client("s3"), bucket, say)
    if parameters.get("OwnKeyArn"):
        say(f"kept, since it is your own: key {key}")
    else:
        _delete_key(session.client("kms"), key, say)


def _delete_key(kms: Any, key: str, say: Say) -> None:
    if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
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
            objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            count += len(objects)
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "404"):
            raise
    say(f"deleted s3://{bucket} ({count} object versions)")
