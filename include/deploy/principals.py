"""Who may assume a stack's roles: as told, as the stack has it, or on a laptop the account's root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from include.dynamo_lake.errors import TerminalError

if TYPE_CHECKING:
    import boto3


class MissingPrincipalError(TerminalError):
    """Nobody was named who may assume the stack's roles."""


@dataclass(frozen=True)
class Principals:
    """ARNs of who may assume the Airflow role (the MWAA execution role) and the reader role."""

    airflow: str
    reader: str


def resolve_principals(
    session: boto3.Session, airflow: str | None, reader: str | None, present: Mapping[str, str], stack: str
) -> Principals:
    """Return who may assume the roles: as told, else as the stack has it, else (off AWS only) the account's root.

    Raises:
        MissingPrincipalError: on AWS a first deployment must name them.
    """
    fallback = _local_root(session)
    airflow = airflow or present.get("AirflowPrincipal") or fallback
    reader = reader or present.get("ReaderPrincipal") or fallback
    if not airflow or not reader:
        raise MissingPrincipalError(
            f"the first deployment of {stack} must be told who may assume its roles: airflow_principal (the "
            "execution role of the MWAA environment) and reader_principal (who queries with Athena), each an ARN"
        )
    return Principals(airflow, reader)


def _local_root(session: boto3.Session) -> str | None:
    """The account's root where the endpoint is not Amazon's: nobody else can reach a stand-in on a laptop."""
    sts = session.client("sts")
    host = urlsplit(sts.meta.endpoint_url).hostname or ""
    if ".amazonaws." in host or ".api.aws" in host:
        return None
    return f"arn:aws:iam::{sts.get_caller_identity()['Account']}:root"
