"""The declared environments: where pipelines are deployed, read from ``include/infra/environments.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import boto3

from include.dynamo_lake.declaration import pipeline_names
from include.dynamo_lake.errors import TerminalError

ENVIRONMENTS = Path("include/infra/environments.toml")


# Field -> parameter of the template.
SIZES = {
    "merge_workers": "MergeWorkers",
    "merge_timeout_minutes": "MergeTimeoutMinutes",
    "scan_limit_bytes": "ScanLimitBytes",
    "log_retention_days": "LogRetentionDays",
}
_BOUNDS = {
    "merge_workers": (2, 100),
    "merge_timeout_minutes": (5, 780),
    "scan_limit_bytes": (10_000_000, 10**18),
}
_LOG_DAYS = (7, 14, 30, 60, 90, 180, 365)


class UnknownEnvironmentError(TerminalError):
    """The environment is not declared, or its declaration cannot be used."""


class WrongAccountError(TerminalError):
    """The credentials are of another account than the environment's."""


@dataclass(frozen=True)
class Environment:
    """One declared environment; the fields are described in the file."""

    name: str
    region: str
    account: str
    profile: str | None = None
    mwaa: str | None = None
    mwaa_profile: str | None = None
    reader_principal: str | None = None
    airflow_principal: str | None = None
    pipelines: tuple[str, ...] = ()
    key_arn: str | None = None
    bucket: str | None = None
    adopt_tables: bool | None = None
    merge_workers: int | None = None
    merge_timeout_minutes: int | None = None
    scan_limit_bytes: int | None = None
    log_retention_days: int | None = None
    replace_plugins: bool = False

    @property
    def sizes(self) -> dict[str, str]:
        """The stack's parameters that an environment may set; the template has a default for each."""
        given = {parameter: getattr(self, name) for name, parameter in SIZES.items()}
        return {parameter: str(value) for parameter, value in given.items() if value is not None}

    def session(self) -> boto3.Session:
        """A session in the stacks' account."""
        return boto3.Session(profile_name=self.profile, region_name=self.region)

    def mwaa_session(self) -> boto3.Session:
        """A session in the MWAA environment's account."""
        return boto3.Session(profile_name=self.mwaa_profile or self.profile, region_name=self.region)


def read_environment(root: Path, name: str) -> Environment:
    """Read one environment; without ``pipelines`` it has every declaration.

    Raises:
        UnknownEnvironmentError: naming the known environments, or every field that is unknown, missing or of a wrong type.
    """
    file = root / ENVIRONMENTS
    tables = tomllib.loads(file.read_text())
    if name not in tables:
        raise UnknownEnvironmentError(
            f"no environment {name!r} in {ENVIRONMENTS}; there is: {', '.join(sorted(tables))}"
        )
    table: dict[str, Any] = tables[name]
    pipelines = table.get("pipelines", pipeline_names())
    mistakes = [*_field_mistakes(table), *_pipeline_mistakes(pipelines)]
    if "bucket" in table and len(pipelines) != 1:
        mistakes.append('bucket holds one pipeline: name it, pipelines = ["<name>"]')
    if mistakes:
        raise UnknownEnvironmentError(f"{ENVIRONMENTS} [{name}]: {'; '.join(mistakes)}")
    return Environment(**{**table, "name": name, "pipelines": tuple(pipelines)})


def cli_options(session: boto3.Session) -> str:
    """What a line of the AWS CLI needs besides to act where the session does."""
    profile = "" if session.profile_name == "default" else f" --profile {session.profile_name}"
    return f" --region {session.region_name}{profile}"


def require_account(session: boto3.Session, account: str) -> None:
    """Refuse credentials of another account: WrongAccountError names both."""
    found = session.client("sts").get_caller_identity()["Account"]
    if found != account:
        raise WrongAccountError(
            f"the credentials are of account {found}, the environment is in {account}: use a profile of that account, "
            f"or mend `account` in {ENVIRONMENTS}"
        )


def require_pipeline(environment: Environment, pipeline: str) -> None:
    """Refuse a pipeline that is not the environment's: its bucket, where it names one, holds another."""
    if pipeline not in environment.pipelines:
        raise UnknownEnvironmentError(
            f"{ENVIRONMENTS} [{environment.name}] has no pipeline {pipeline!r}; it has: {', '.join(environment.pipelines)}"
        )


_TYPES: dict[str, type] = {
    "pipelines": list,
    "adopt_tables": bool,
    "replace_plugins": bool,
    **dict.fromkeys(SIZES, int),
}


def _field_mistakes(table: dict[str, Any]) -> list[str]:
    known = {field.name: field for field in fields(Environment) if field.name != "name"}
    required = {name for name, field in known.items() if field.default is MISSING}
    mistakes = [f"{name} is missing" for name in sorted(required - table.keys())]
    for name, value in table.items():
        wanted = _TYPES.get(name, str)
        if name not in known:
            mistakes.append(f"{name} is unknown, known are {', '.join(known)}")
        elif type(value) is not wanted:
            mistakes.append(f"{name} is {value!r}, write a {wanted.__name__}")
        elif name in SIZES:
            mistakes += _size_mistakes(name, value)
    return mistakes


def _size_mistakes(name: str, value: Any) -> list[str]:
    if name == "log_retention_days":
        return [] if value in _LOG_DAYS else [f"{name} is {value}, write one of {', '.join(map(str, _LOG_DAYS))}"]
    least, most = _BOUNDS[name]
    return [] if least <= value <= most else [f"{name} is {value}, write {least} to {most}"]


def _pipeline_mistakes(pipelines: Any) -> list[str]:
    unknown = sorted(set(map(str, pipelines)) - set(pipeline_names())) if isinstance(pipelines, list | tuple) else []
    return [f"there is no declaration {', '.join(unknown)}"] if unknown else []
