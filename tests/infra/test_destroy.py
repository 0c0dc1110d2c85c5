"""make destroy ENV=…: DAGs rest before their stack goes, data stays unless its bucket is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest

from include.deploy.destroy import Deletion, MoreThanOneError, NotConfirmedError, UndeletedObjectsError, destroy
from include.dynamo_lake.declaration import pipeline_names
from include.local_aws.process import start_local_aws
from tests.infra.mwaa_double import MwaaDouble
from tests.infra.releasing import HOURLY, LOCAL, NAMES, WITH_MWAA, release


def test_destroying_keeps_bucket_key_lake_and_source_tables(session: boto3.Session, checkout: Path) -> None:
    environment = replace(LOCAL, pipelines=pipeline_names()[:1])
    release(session, checkout, environment)
    outputs = _outputs(session)
    session.client("s3").put_object(Bucket=outputs["Bucket"], Key="state/coverage.json", Body=b"{}")
    lines: list[str] = []
    destroy(session, environment, None, lines.append)
    assert any(line.startswith("kept: ") for line in lines)
    session.client("s3").head_object(Bucket=outputs["Bucket"], Key="state/coverage.json")
    session.client("glue").get_database(Name=outputs["LakeDatabase"])
    session.client("kms").describe_key(KeyId=outputs["KeyArn"])
    session.client("dynamodb").describe_table(TableName=outputs["MainTableArn"].rpartition("/")[2])
    assert outputs["MergeJob"] not in {job["Name"] for job in session.client("glue").get_jobs()["Jobs"]}
    destroy(session, environment, None, lines.append)
    assert lines[-1] == "environment local has no stack"


def test_dags_rest_before_their_stack_goes(session: boto3.Session, checkout: Path, double: MwaaDouble) -> None:
    release(session, checkout)
    double.running[HOURLY] = ["scheduled__1"]
    lines: list[str] = []
    destroy(session, WITH_MWAA, None, lines.append, mwaa=session.client("mwaa"), sleep=lambda _: None)
    assert double.paused[HOURLY]
    assert f"waiting for {HOURLY} (scheduled__1)" in lines
    gone = next(i for i, line in enumerate(lines) if "DELETE_COMPLETE" in line)
    assert next(i for i, line in enumerate(lines) if line.startswith("paused: ")) < gone


def _outputs(session: boto3.Session) -> dict[str, str]:
    stack = session.client("cloudformation").describe_stacks(StackName=NAMES.stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _keeping(real: Callable[..., Any]) -> Callable[..., Any]:
    """S3 as it answers where an object may not be deleted."""

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "DeleteObjects":
            return {"Errors": [{"Key": "state/coverage.json", "Code": "AccessDenied"}]}
        return real(client, operation, parameters)

    return make_api_call


def test_data_is_deleted_only_when_its_bucket_is_named(
    tmp_path_factory: pytest.TempPathFactory, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start_local_aws(tmp_path_factory.mktemp("another"))
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    try:
        release(session, checkout, LOCAL)
        outputs = _outputs(session)
        with pytest.raises(NotConfirmedError, match=f"CONFIRM={outputs['Bucket']}"):
            destroy(session, LOCAL, Deletion("something"), print)
        session.client("s3").put_object(Bucket=outputs["Bucket"], Key="state/coverage.json", Body=b"{}")
        with monkeypatch.context() as held:
            held.setattr(
                "botocore.client.BaseClient._make_api_call", _keeping(botocore.client.BaseClient._make_api_call)
            )
            with pytest.raises(UndeletedObjectsError, match=r"state/coverage\.json: AccessDenied"):
                destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
        # The stack is gone already; the bucket shows the rest.
        destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
        assert session.client("s3").list_buckets()["Buckets"] == []
        assert session.client("glue").get_databases()["DatabaseList"] == []
        assert (
            session.client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
        )
        assert session.client("dynamodb").list_tables()["TableNames"] != []
        with pytest.raises(MoreThanOneError, match="no stack"):
            destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
    finally:
        running.stop()
