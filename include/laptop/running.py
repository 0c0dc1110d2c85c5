"""The running local AWS of this checkout, and the stacks deployed on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import boto3

from include.deploy.deployment import Choices, Deployed, deploy, read_deployed
from include.deploy.stack import StackError
from include.dynamo_lake.declaration import Pipeline, pipeline_names, read_declaration
from include.dynamo_lake.errors import DeclarationError, LakeError, TerminalError
from include.laptop import paths
from include.local_aws.process import ask, read_environment


def session(aws: Mapping[str, str]) -> boto3.Session:
    """A session with the keys of an environment file; the endpoint comes from ``AWS_ENDPOINT_URL``, so set that first."""
    return boto3.Session(
        aws_access_key_id=aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws["AWS_SECRET_ACCESS_KEY"],
        region_name=aws["AWS_REGION"],
    )


def read_running(env_file: Path = paths.AWS_ENV_FILE) -> dict[str, str]:
    """The environment of the running local AWS; raise ``TerminalError`` with the remedy where none answers."""
    try:
        aws = read_environment(env_file)
        ask(aws["AWS_ENDPOINT_URL"], "GET", "/_local/status")
    except (OSError, KeyError, ValueError) as error:
        raise TerminalError(
            f"No local AWS is running ({env_file.name}: {error}): start it with `make local-aws`"
        ) from error
    return aws


def read_declarations() -> tuple[Pipeline, ...]:
    """Read every declaration before anything is done with one; raise ``TerminalError`` with the mistakes of all."""
    pipelines: list[Pipeline] = []
    mistakes: list[DeclarationError] = []
    for name in pipeline_names():
        try:
            pipelines.append(read_declaration(name))
        except DeclarationError as error:
            mistakes.append(error)
    if mistakes:
        raise TerminalError("\n".join(map(str, mistakes)))
    return tuple(pipelines)


def deploy_all(aws: Mapping[str, str], say: Callable[[str], None]) -> tuple[Deployed, ...]:
    """Deploy the stack of every declaration."""
    choices = Choices()
    return tuple(deploy(session(aws), paths.ROOT, pipeline, choices, say) for pipeline in read_declarations())


def read_all_deployed(aws: Mapping[str, str]) -> tuple[tuple[Deployed, ...], dict[str, LakeError]]:
    """What is deployed, and for every declaration that does not read or has no stack here: why it is left out."""
    deployed: list[Deployed] = []
    left_out: dict[str, LakeError] = {}
    for name in pipeline_names():
        try:
            deployed.append(read_deployed(session(aws), read_declaration(name)))
        except DeclarationError as error:
            left_out[name] = error
        except StackError:
            left_out[name] = TerminalError(
                f"the running local AWS has no stack of {name}: stop it and start it again (`make local-aws` or `make up`), "
                "it deploys every declaration that is there then"
            )
    return tuple(deployed), left_out


class Progress:
    """Progress lines with the seconds since the start; they reach the terminal also while output goes into a log."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._terminal = os.fdopen(os.dup(1), "w", buffering=1)

    def __call__(self, line: str) -> None:
        print(f"[{time.monotonic() - self._started:6.1f} s] {line}", file=self._terminal)
