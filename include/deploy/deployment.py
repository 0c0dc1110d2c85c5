"""Deploy one pipeline: check, upload the code, bring the stack up to date, hand back its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from include.deploy.bundle import Bundle, build_bundle
from include.deploy.change_sets import WantedStack, deploy_stack, preview_stack
from include.deploy.kept import Kept, build_import, read_kept, read_key_properties
from include.deploy.own_bucket import check_own_bucket
from include.deploy.parameters import build_parameters, storage_parameters, table_keys
from include.deploy.principals import resolve_principals
from include.deploy.settings import build_settings
from include.deploy.stack import Say, StackError, read_outputs, read_parameters, read_stack, require_settled
from include.deploy.storage import Storage, resolve_storage
from include.deploy.tables import read_key_arns, read_stream_arns, resolve_adoption, source_account
from include.deploy.template import read_template_body
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.names import PipelineNames

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation.type_defs import StackTypeDef
    from types_boto3_s3 import S3Client


@dataclass(frozen=True)
class Choices:
    """What a deployment is told beside the declaration.

    None keeps what the stack has; a first deployment creates the tables, and on AWS must name
    the principals. ``sizes`` are parameters of the stack; those left out get the template's default.
    """

    adopt_tables: bool | None = None
    airflow_principal: str | None = None
    reader_principal: str | None = None
    own_key_arn: str | None = None
    own_bucket: str | None = None
    sizes: Mapping[str, str] = field(default_factory=dict)


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
    for line in aim.kept_lines:
        say(line)
    if aim.kept.bucket:
        deploy_stack(cloudformation, _import_of(session, aim), say)
    # Before the job points to it: a run that starts meanwhile finds either version whole.
    if aim.has_bucket:
        _upload_code(session.client("s3"), aim.storage.bucket, aim.bundle, say)
    # The function needs its code in the bucket and the tables' streams: what is made now takes two steps.
    streams = _captured_streams(session, pipeline) if aim.has_bucket else {}
    stack = deploy_stack(cloudformation, aim.wanted(streams), say)
    _upload_code(session.client("s3"), aim.storage.bucket, aim.bundle, say)
    captured = _captured_streams(session, pipeline)
    if captured != streams:
        stack = deploy_stack(cloudformation, aim.wanted(captured), say)
    return _deployed(pipeline, stack)


def preview(session: boto3.Session, root: Path, pipeline: Pipeline, choices: Choices) -> list[str]:
    """Return what ``deploy`` would change, a line each, after the same checks; nothing is changed.

    Raises:
        LakeError: as ``deploy`` does.
    """
    aim = _aim(session, root, pipeline, choices)
    wanted = aim.wanted(_captured_streams(session, pipeline))
    if not aim.exists:
        parameters = [f"  {name} = {value}" for name, value in wanted.parameters.items()]
        return [f"stack {aim.names.stack}: to be created", *aim.kept_lines, *parameters]
    lines = preview_stack(session.client("cloudformation"), wanted)
    return [f"stack {aim.names.stack}: {'to be updated' if lines else 'no change'}", *lines]


@dataclass(frozen=True)
class _Aim:
    """A stack as it is, and as it shall be."""

    names: PipelineNames
    exists: bool
    kept: Kept
    storage: Storage
    bundle: Bundle
    wanted: Callable[[Mapping[str, str]], WantedStack]

    @property
    def has_bucket(self) -> bool:
        """Whether the bucket is there before the stack changes."""
        return self.exists or self.kept.bucket is not None or not self.storage.creates_bucket

    @property
    def kept_lines(self) -> list[str]:
        """What an earlier stack left, in words."""
        parts = [f"s3://{self.kept.bucket}"] if self.kept.bucket else []
        parts += [f"key {self.kept.key_id}"] if self.kept.key_id else []
        parts += ["the lake's databases"] if self.kept.databases else []
        return [f"stack {self.names.stack} takes back {', '.join(parts)}"] if parts else []


def _aim(session: boto3.Session, root: Path, pipeline: Pipeline, choices: Choices) -> _Aim:
    """Check everything that can be checked before anything is changed."""
    names = PipelineNames(pipeline.name)
    stack = read_stack(session.client("cloudformation"), names.stack)
    if stack:
        require_settled(stack)
    present = read_parameters(stack) if stack else {}
    account = session.client("sts").get_caller_identity()["Account"]
    default_bucket = names.bucket(account, session.region_name)
    storage = resolve_storage(choices.own_bucket, choices.own_key_arn, present, default_bucket, names.stack)
    check_own_bucket(session, storage, pipeline.retention)
    kept = Kept() if stack else read_kept(session, names, account, storage)
    storage = replace(storage, creates_databases=storage.creates_databases and not kept.databases)
    bundle = build_bundle(root)
    principals = resolve_principals(session, choices.airflow_principal, choices.reader_principal, present, names.stack)
    adopts = resolve_adoption(
        source_account(session),
        table_keys(pipeline),
        choices.adopt_tables,
        present,
        bool(kept.bucket) or kept.databases,
    )
    keys = read_key_arns(source_account(session), table_keys(pipeline))
    template, tags = read_template_body(root), {"pipeline": pipeline.name, "owner": pipeline.owner}

    def wanted(streams: Mapping[str, str]) -> WantedStack:
        parameters = build_parameters(pipeline, principals, bundle.version, not adopts, streams, storage, keys)
        return WantedStack(names.stack, template, {**parameters, **choices.sizes}, tags)

    return _Aim(names, stack is not None, kept, storage, bundle, wanted)


def _import_of(session: boto3.Session, aim: _Aim) -> WantedStack:
    """The stack that holds bucket and key alone; it remembers what a deployment that goes on with it must know."""
    parameters = {key: aim.wanted({}).parameters[key] for key in (*storage_parameters(aim.storage), "CreateTables")}
    key = read_key_properties(session.client("kms"), aim.kept.key_id) if aim.kept.key_id else {}
    return build_import(aim.names, aim.kept, parameters, key)


def _captured_streams(session: boto3.Session, pipeline: Pipeline) -> dict[str, str]:
    """ARNs of the streams to capture, by table; none where changes come by the schedule alone."""
    if pipeline.schedule.mode == "hourly":
        return {}
    return read_stream_arns(source_account(session), table_keys(pipeline))


def read_deployed(session: boto3.Session, pipeline: Pipeline) -> Deployed:
    """Read what is deployed, changing nothing.

    Raises:
        StackError: the pipeline has no stack here.
    """
    name = PipelineNames(pipeline.name).stack
    stack = read_stack(session.client("cloudformation"), name)
    if stack is None:
        raise StackError(f"there is no stack {name}: run `make deploy ENV=<environment>` first")
    return _deployed(pipeline, stack)


def _deployed(pipeline: Pipeline, stack: StackTypeDef) -> Deployed:
    outputs = read_outputs(stack)
    return Deployed(pipeline.name, stack["StackName"], outputs, build_settings(pipeline.name, outputs))


def _upload_code(s3: S3Client, bucket: str, bundle: Bundle, say: Say) -> None:
    """Put the bundle's files that are not there yet; names carry the content's hash, so present means equal."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"code/{bundle.version}/").get("Contents", [])
    there = {entry["Key"] for entry in listed}
    for file, key in bundle.keys().items():
        if key not in there:
            s3.put_object(Bucket=bucket, Key=key, Body=bundle.files[file])
            say(f"uploaded s3://{bucket}/{key} ({len(bundle.files[file])} bytes)")
