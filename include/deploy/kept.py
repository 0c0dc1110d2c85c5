"""What a stack that was taken away has left: bucket and key become the new stack's, databases and tables are used as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from include.deploy.change_sets import WantedStack
from include.deploy.environments import cli_options
from include.deploy.storage import Storage
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import PipelineNames

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import ResourceToImportTypeDef

_ABSENT = ("404", "NoSuchBucket", "NotFoundException", "EntityNotFoundException")
# How the template describes the key that a stack makes; nobody else's key is taken into a stack.
_KEY_DESCRIPTION = "Bucket, logs and alarm topic of the pipeline {pipeline}"


class KeptDataError(TerminalError):
    """Something is in the way of the stack that it cannot take back."""


@dataclass(frozen=True)
class Kept:
    """The bucket of an earlier stack, the id of the key that it made (None: its key is yours), and its databases."""

    bucket: str | None = None
    key_id: str | None = None
    databases: bool = False


def read_kept(session: boto3.Session, names: PipelineNames, account: str, storage: Storage) -> Kept:
    """Look for what an earlier stack left in its own bucket, or in yours.

    Raises:
        KeptDataError: what is there is not such a stack's, or not whole; the message says what to do.
    """
    bucket = storage.bucket if has_bucket(session, storage.bucket, account) else None
    databases = _read_databases(session, names, bucket)
    if bucket is None or not storage.creates_bucket:
        return Kept(databases=databases)
    return Kept(bucket, _read_key(session, names, bucket, storage.own_key_arn), databases)


def build_import(
    names: PipelineNames, kept: Kept, parameters: Mapping[str, str], key: Mapping[str, Any]
) -> WantedStack:
    """Return the stack of bucket and key alone, described as they are; the update after it changes what differs.

    ``key``: the properties of the key, if the stack made it.
    """
    resources = {"Bucket": ("AWS::S3::Bucket", {"BucketName": kept.bucket})}
    imports: list[ResourceToImportTypeDef] = [_named("Bucket", "AWS::S3::Bucket", BucketName=str(kept.bucket))]
    if kept.key_id:
        resources["Key"] = ("AWS::KMS::Key", dict(key))
        imports.append(_named("Key", "AWS::KMS::Key", KeyId=kept.key_id))
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {
            logical_id: {
                "Type": kind,
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": properties,
            }
            for logical_id, (kind, properties) in resources.items()
        },
    }
    return WantedStack(names.stack, json.dumps(template), parameters, {}, tuple(imports))


def read_key_properties(kms: Any, key_id: str) -> dict[str, Any]:
    """A key as a template would describe it."""
    return {
        "Description": kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        "KeyPolicy": json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]),
    }


def _named(logical_id: str, kind: str, **identifier: str) -> ResourceToImportTypeDef:
    return {"LogicalResourceId": logical_id, "ResourceType": kind, "ResourceIdentifier": identifier}


def has_bucket(session: boto3.Session, bucket: str, account: str) -> bool:
    """Whether the bucket is there, and this account's."""
    try:
        session.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return False
        if error.response["Error"]["Code"] == "403":
            raise KeptDataError(f"bucket {bucket} is another account's: name one of your own as bucket") from error
        raise
    return True


def _read_key(session: boto3.Session, names: PipelineNames, bucket: str, own_key_arn: str) -> str | None:
    """Id of the key that encrypts the bucket; None where it is the own one."""
    arn = read_default_key(session.client("s3"), bucket)
    if arn == own_key_arn != "":
        return None
    if arn is None or own_key_arn:
        raise KeptDataError(
            f"bucket {bucket} exists and is encrypted with {arn or 'no key of KMS'}, not with "
            f"{own_key_arn or 'the key of a stack of ' + names.pipeline}: delete the bucket, or mend key_arn"
        )
    metadata = session.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    if not is_stacks_key(metadata, names):
        raise KeptDataError(
            f"bucket {bucket} exists and is encrypted with {arn}, a key of your own: name it as key_arn"
        )
    if metadata["KeyState"] != "Enabled":
        key_id, options = metadata["KeyId"], cli_options(session)
        raise KeptDataError(
            f"bucket {bucket} is there, but its key is {metadata['KeyState']}: run `aws kms cancel-key-deletion --key-id "
            f"{key_id}{options}; aws kms enable-key --key-id {key_id}{options}`, or delete the bucket"
        )
    return metadata["KeyId"]


def is_stacks_key(metadata: Mapping[str, Any], names: PipelineNames) -> bool:
    """Whether a stack of the pipeline made the key."""
    return metadata.get("Description") == _KEY_DESCRIPTION.format(pipeline=names.pipeline)


def read_default_key(s3: Any, bucket: str) -> str | None:
    """ARN of the key that a bucket encrypts with by default."""
    try:
        found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ServerSideEncryptionConfigurationNotFoundError":
            return None
        raise
    key: str | None = found["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    return key


def _read_databases(session: boto3.Session, names: PipelineNames, bucket: str | None) -> bool:
    """Whether both databases are there; their tables must lie in ``bucket``."""
    places = {name: _read_place(session, name) for name in (names.lake_database, names.analytics_database)}
    present = {name: place for name, place in places.items() if place is not None}
    whole = len(present) == len(places) and set(present.values()) == {f"s3://{bucket}/warehouse"}
    if present and not whole:
        commands = "; ".join(f"aws glue delete-database --name {name}{cli_options(session)}" for name in present)
        raise KeptDataError(
            f"of the lake of {names.pipeline} there is but {' and '.join(f'{n} ({p})' for n, p in present.items())}: "
            f"run `{commands}`, deploy again, then bootstrap"
        )
    return whole


def _read_place(session: boto3.Session, database: str) -> str | None:
    """Where a database's tables lie; None where there is no such database."""
    try:
        return session.client("glue").get_database(Name=database)["Database"].get("LocationUri", "nowhere").rstrip("/")
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise
