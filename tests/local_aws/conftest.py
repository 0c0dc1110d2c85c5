"""One local AWS for the session, as its own process on a free port."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from include.local_aws.process import RunningLocalAws, local_aws
from tests.local_aws.dynamo import Place, make_place
from tests.local_aws.queries import Workgroup, make_workgroup
from tests.local_aws.roles import Statement, document, make_role

Client = Callable[..., Any]


def make_client(
    running: RunningLocalAws, service: str, credentials: dict[str, Any] | None = None, **config: Any
) -> Any:
    """A boto3 client of a running local AWS, as root or with the `Credentials` of an AssumeRole answer."""
    env = running.environment
    given = credentials or {}
    return boto3.client(
        service,
        endpoint_url=running.endpoint_url,
        region_name=env["AWS_REGION"],
        aws_access_key_id=given.get("AccessKeyId", env["AWS_ACCESS_KEY_ID"]),
        aws_secret_access_key=given.get("SecretAccessKey", env["AWS_SECRET_ACCESS_KEY"]),
        aws_session_token=given.get("SessionToken"),
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **config),
    )


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLocalAws]:
    """Local AWS, started two days in the past so that tests may move its clock."""

    start = (datetime.now(UTC) - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    with local_aws(tmp_path_factory.mktemp("aws"), clock=start.isoformat()) as instance:
        yield instance


@pytest.fixture(scope="session")
def client(running: RunningLocalAws) -> Client:
    """`client("s3")` as root, `client("s3", credentials)` as a role."""

    def make(service: str, credentials: dict[str, Any] | None = None) -> Any:
        return make_client(running, service, credentials)

    return make


@pytest.fixture
def assume(client: Client) -> Callable[..., dict[str, Any]]:
    """`assume(*statements)`: credentials of a fresh role with these statements and no others; `["Role"]` names it."""

    def make(*statements: Statement) -> dict[str, Any]:
        name = f"r-{uuid.uuid4().hex[:8]}"
        arn = make_role(client, name, "self", [])
        if statements:
            client("iam").put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=document(*statements))
        answer = client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
        return {**answer["Credentials"], "Role": name}

    return make


@pytest.fixture(scope="session")
def first_snapshot(client: Client, running: RunningLocalAws) -> int:
    """The table `queried.tasks` with a second commit behind the returned snapshot, and a workgroup `queried`."""
    from tests.local_aws.lake import ROWS, append_rows, create_tasks, instant, open_catalog

    client("glue").create_database(DatabaseInput={"Name": "queried"})
    make_workgroup(client, "queried", EnforceWorkGroupConfiguration=True)
    table = create_tasks(open_catalog(running.environment), "queried.tasks", "s3://queried/warehouse/tasks", ROWS)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    append_rows(table, [{**ROWS[0], "user_id": "u9", "created_at": instant("2026-11-01T00:00:00")}])
    return snapshot.snapshot_id


@pytest.fixture
def queried(client: Client, first_snapshot: int) -> Workgroup:
    """Queries on the database `queried`."""
    return Workgroup(client("athena"), "queried", database="queried")


@pytest.fixture
def place(running: RunningLocalAws, client: Client) -> Place:
    """A table of its own, and a bucket for its exports."""
    return make_place(running, client)
