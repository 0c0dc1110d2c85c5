"""Deploy one pipeline: check, upload the code, bring the stack up to date, hand back its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from include.deploy.bundle import Bundle, build_bundle
from include.deploy.parameters import Principals, build_parameters, table_keys
from include.deploy.settings import build_settings
from include.deploy.stack import (
    Say,
    deploy_stack,
    preview_stack,
    read_outputs,
    read_parameters,
    read_stack,
    require_settled,
)
from include.deploy.tables import check_adoptable, check_creatable, read_stream_arns
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import PipelineNames

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import StackTypeDef
    from types_boto3_s3 import S3Client

TEMPLATE = Path("include/infra/pipeline.yaml")


class MissingPrincipalError(TerminalError):
    """Nobody was named who may assume the stack's roles."""


class ChangedKeyError(TerminalError):
    """Another key was named than the one that the data is encrypted with."""


@dataclass(frozen=True)
class Choices:
    """What a deployment is told beside the declaration.

    None keeps what the stack has; a first deployment creates the tables, and on AWS must name
    the principals.
    """

    adopt_tables: bool | None = None
    airflow_principal: str | None = None
    reader_principal: str | None = None
    own_key_arn: str | None = None


@dataclass(frozen=True)
class Deployed:
    """Outputs of the stack and the environment variables that Airflow reads them from."""

    pipeline: str
    stack: str
    outputs: dict[str, str]
    settings: dict[str, str]


def deploy(session: boto3.Session, root: Path, pipeline: Pipeline, choices: Choices, say: Say) -> Deployed:
    """Deploy ``pipeline`` from the checkout at ``root`` with the session's account, region and endpoint.

    Running it again changes nothing; after an interruption it goes on from where the stack stands.

    Raises:
        LakeError: as its parts do; the message names the item and the remedy.
    """
    aim = _aim(session, root, pipeline, choices)
    cloudformation = session.client("cloudformation")

    def bring_up(streams: dict[str, str]) -> StackTypeDef:
        stack = deploy_stack(cloudformation, aim.name, aim.template, aim.parameters(streams), aim.tags, say)
        _upload_code(session.client("s3"), read_outputs(stack)["Bucket"], aim.bundle, say)
        return stack

    if aim.stack:
        # Before the job points to it: a run that starts meanwhile finds either version whole.
        _upload_code(session.client("s3"), read_outputs(aim.stack)["Bucket"], aim.bundle, say)
    # The function's code must lie in the bucket before the function is made: the first deployment takes two steps.
    streams = _captured_streams(session, pipeline) if aim.stack else {}
    stack = bring_up(streams)
    captured = _captured_streams(session, pipeline)
    if captured != streams:
        stack = bring_up(captured)
    return _deployed(pipeline, stack)


def preview(session: boto3.Session, root: Path, pipeline: Pipeline, choices: Choices) -> list[str]:
    """Return what ``deploy`` would change, a line each, after the same checks; nothing is changed.

    Raises:
        LakeError: as ``deploy`` does.
    """
    aim = _aim(session, root, pipeline, choices)
    if aim.stack is None:
        return [f"stack {aim.name}: to be created"]
    parameters = aim.parameters(_captured_streams(session, pipeline))
    lines = preview_stack(session.client("cloudformation"), aim.name, aim.template, parameters, aim.tags)
    return [f"stack {aim.name}: {'to be updated' if lines else 'no change'}", *lines]


@dataclass(frozen=True)
class _Aim:
    """A stack as it is, and as it shall be."""

    name: str
    stack: StackTypeDef | None
    template: str
    tags: dict[str, str]
    bundle: Bundle
    parameters: Callable[[Mapping[str, str]], dict[str, str]]


def _aim(session: boto3.Session, root: Path, pipeline: Pipeline, choices: Choices) -> _Aim:
    """Check everything that can be checked before anything is changed."""
    name = PipelineNames(pipeline.name).stack
    stack = read_stack(session.client("cloudformation"), name)
    if stack:
        require_settled(stack)
    present = read_parameters(stack) if stack else {}
    bundle = build_bundle(root)
    principals = resolve_principals(session, choices, present, name)
    adopts = _adopts(choices, present)
    _check_tables(session, pipeline, present, adopts)

    own_key = choices.own_key_arn or present.get("OwnKeyArn", "")
    _check_key(name, stack is not None, own_key, present.get("OwnKeyArn", ""))

    def parameters(streams: Mapping[str, str]) -> dict[str, str]:
        return build_parameters(pipeline, principals, bundle.version, not adopts, streams, own_key)

    tags = {"pipeline": pipeline.name, "owner": pipeline.owner}
    return _Aim(name, stack, read_template_body(root), tags, bundle, parameters)


def read_template_body(root: Path) -> str:
    """The template without its comment lines: CloudFormation takes 51,200 bytes in one request."""
    lines = (root / TEMPLATE).read_text().splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#")) + "\n"


def _check_key(stack: str, deployed: bool, wanted: str, present: str) -> None:
    """Objects stay under the key that they were written with, and the roles may use one key."""
    if deployed and wanted != present:
        raise ChangedKeyError(
            f"stack {stack} encrypts with {present or 'a key of its own'}: its objects could not be read under {wanted}; "
            "take key_arn out again, or move the data to a pipeline of another name"
        )


def _captured_streams(session: boto3.Session, pipeline: Pipeline) -> dict[str, str]:
    """ARNs of the streams to capture, by table; none where changes come by the schedule alone."""
    if pipeline.schedule.mode == "hourly":
        return {}
    return read_stream_arns(session.client("dynamodb"), table_keys(pipeline))


def read_deployed(session: boto3.Session, pipeline: Pipeline) -> Deployed:
    """Read what is deployed, changing nothing.

    Raises:
        TerminalError: the pipeline has no stack here.
    """
    name = PipelineNames(pipeline.name).stack
    stack = read_stack(session.client("cloudformation"), name)
    if stack is None:
        raise TerminalError(
            f"there is no stack {name}: run `python -m include.deploy --pipeline {pipeline.name}` first"
        )
    return _deployed(pipeline, stack)


def _deployed(pipeline: Pipeline, stack: StackTypeDef) -> Deployed:
    outputs = read_outputs(stack)
    return Deployed(pipeline.name, stack["StackName"], outputs, build_settings(pipeline.name, outputs))


def resolve_principals(session: boto3.Session, choices: Choices, present: Mapping[str, str], stack: str) -> Principals:
    """Return who may assume the roles: as told, else as the stack has it, else (off AWS only) the account's root.

    Raises:
        MissingPrincipalError: on AWS a first deployment must name them.
    """
    fallback = _local_root(session)
    airflow = choices.airflow_principal or present.get("AirflowPrincipal") or fallback
    reader = choices.reader_principal or present.get("ReaderPrincipal") or fallback
    if not airflow or not reader:
        raise MissingPrincipalError(
            f"the first deployment of {stack} must be told who may assume its roles: --airflow-principal (the "
            "execution role of the MWAA environment) and --reader-principal (who queries with Athena), each an ARN"
        )
    return Principals(airflow, reader)


def _local_root(session: boto3.Session) -> str | None:
    """The account's root where the endpoint is not Amazon's: nobody else can reach a stand-in on a laptop."""
    sts = session.client("sts")
    host = urlsplit(sts.meta.endpoint_url).hostname or ""
    if ".amazonaws." in host or ".api.aws" in host:
        return None
    return f"arn:aws:iam::{sts.get_caller_identity()['Account']}:root"


def _adopts(choices: Choices, present: dict[str, str]) -> bool:
    if choices.adopt_tables is not None:
        return choices.adopt_tables
    return present.get("CreateTables") == "false"


def _check_tables(session: boto3.Session, pipeline: Pipeline, present: dict[str, str], adopts: bool) -> None:
    dynamodb = session.client("dynamodb")
    if adopts:
        check_adoptable(dynamodb, table_keys(pipeline))
    elif present.get("CreateTables") != "true":
        check_creatable(dynamodb, table_keys(pipeline))


def _upload_code(s3: S3Client, bucket: str, bundle: Bundle, say: Say) -> None:
    """Put the bundle's files that are not there yet; names carry the content's hash, so present means equal."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"code/{bundle.version}/").get("Contents", [])
    there = {entry["Key"] for entry in listed}
    for file, key in bundle.keys().items():
        if key not in there:
            s3.put_object(Bucket=bucket, Key=key, Body=bundle.files[file])
            say(f"uploaded s3://{bucket}/{key} ({len(bundle.files[file])} bytes)")
