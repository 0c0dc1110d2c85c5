"""What crosses the boundary between local AWS's dispatch and its handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

Json = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """Who calls: the access key and the principal behind it (`arn:aws:iam::…:root`, `…:assumed-role/<role>/<session>`)."""

    access_key_id: str
    principal_arn: str
    account_id: str

    @property
    def is_root(self) -> bool:
        return self.principal_arn.endswith(":root")

    @property
    def role_name(self) -> str | None:
        """The role's name of an assumed-role session, else None."""
        parts = self.principal_arn.split(":assumed-role/")
        return parts[1].split("/")[0] if len(parts) == 2 else None


@dataclass(frozen=True)
class Call:
    """One authenticated request of a JSON-protocol service.

    `service` is the IAM prefix (`dynamodb`, `glue`, `athena`), `action` the operation's name, `target` the whole
    `X-Amz-Target`; header names are lower case.
    """

    service: str
    action: str
    target: str
    body: Json
    headers: Mapping[str, str]
    region: str
    account: str
    identity: Identity


class AwsError(Exception):
    """An error as AWS answers it: `code` is the exception's name, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


@dataclass(frozen=True)
class Answer:
    """A raw answer of the base: header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Settings:
    """Where this instance lives. `spark_python` runs Glue scripts, `jars` holds the Spark jars."""

    data_dir: Path
    port: int
    region: str
    account_id: str
    root_access_key: str
    root_secret_key: str
    spark_python: Path
    jars: Path
    token: str
    project_root: Path = field(default_factory=lambda: Path(__file__).resolve().parents[2])

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Handler = Callable[[Call, "LocalAws"], Awaitable[Json]]
