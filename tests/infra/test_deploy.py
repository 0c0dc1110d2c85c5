"""Deployment against local AWS: create, repeat, update, adopt, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from include.deploy import __main__ as command
from include.deploy.deployment import (
    Choices,
    Deployed,
    MissingPrincipalError,
    deploy,
    read_deployed,
    resolve_principals,
)
from include.deploy.parameters import Principals, table_keys
from include.deploy.stack import StackError
from include.deploy.tables import SourceTableError, TableKey, check_adoptable
from include.dynamo_lake.declaration import Pipeline, pipeline_names, read_declaration
from include.dynamo_lake.errors import TerminalError
from include.local_aws.process import RunningLocalAws, start_local_aws
from tests.infra.template import ACCOUNT, ROOT
from tests.infra.test_bundle import copy_checkout

PIPELINE = read_declaration(pipeline_names()[0])


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLocalAws]:
    running = start_local_aws(tmp_path_factory.mktemp("local-aws"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    (folder / "include" / "infra").symlink_to(ROOT / "include" / "infra")
    return folder


@pytest.fixture
def session(local_aws: RunningLocalAws, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.Session()


def _named(name: str) -> Pipeline:
    """The shipped declaration under another name, with tables of its own."""
    table = {source.id: f"{name}-{source.table}" for source in PIPELINE.sources}
    sources = tuple(type(source)(source.id, table[source.id], source.key, source.day) for source in PIPELINE.sources)
    return type(PIPELINE)(**{**PIPELINE.__dict__, "name": name, "sources": sources})


def _capturing(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, schedule=replace(pipeline.schedule, mode="both"))


def _deploy(
    session: boto3.Session, checkout: Path, pipeline: Pipeline, choices: Choices | None = None
) -> tuple[Deployed, list[str]]:
    lines: list[str] = []
    return deploy(session, checkout, pipeline, choices or Choices(), lines.append), lines


def test_a_first_deployment_makes_what_the_settings_name(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("first_one")
    deployed, _ = _deploy(session, checkout, pipeline)
    bucket = deployed.settings["AIRFLOW__LAKE_FIRST_ONE__BUCKET"]
    job = session.client("glue").get_job(JobName=deployed.settings["AIRFLOW__LAKE_FIRST_ONE__MERGE_JOB"])["Job"]
    script = job["Command"]["ScriptLocation"].removeprefix(f"s3://{bucket}/")
    body = session.client("s3").get_object(Bucket=bucket, Key=script)["Body"].read()
    assert body == (checkout / "glue_scripts" / "merge_job.py").read_bytes()
    assert read_deployed(session, pipeline) == deployed


def test_a_repeated_deployment_changes_nothing(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("repeated")
    first, _ = _deploy(session, checkout, pipeline)
    again, lines = _deploy(session, checkout, pipeline)
    assert again == first
    assert lines == ["stack repeated-lake: no change"]


def test_changed_code_changes_the_job_and_the_function_alone(session: boto3.Session, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "include" / "infra").symlink_to(ROOT / "include" / "infra")
    pipeline = _capturing(_named("changed"))
    first, _ = _deploy(session, checkout, pipeline)
    (checkout / "glue_scripts" / "merge_job.py").write_text("print('another')\n")
    second, lines = _deploy(session, checkout, pipeline)
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        "modify CaptureFunction",
        "modify MergeJob",
    ]
    assert second.outputs["CodeVersion"] != first.outputs["CodeVersion"]
    assert second.settings.keys() == first.settings.keys()


def test_a_stream_is_captured_from_the_first_deployment_on_and_a_repetition_changes_nothing(
    session: boto3.Session, checkout: Path
) -> None:
    pipeline = _capturing(_named("capturing"))
    first, _ = _deploy(session, checkout, pipeline)
    streams = {first.outputs["MainStreamArn"], first.outputs["LookupStreamArn"]}
    listed = session.client("lambda").list_event_source_mappings(FunctionName="capturing-capture")
    assert {mapping["EventSourceArn"] for mapping in listed["EventSourceMappings"]} == streams
    again, lines = _deploy(session, checkout, pipeline)
    assert (again, lines) == (first, ["stack capturing-lake: no change"])


def test_a_pipeline_that_turns_to_the_schedule_alone_keeps_no_function(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("turning")
    _deploy(session, checkout, _capturing(pipeline))
    hourly = replace(pipeline, schedule=replace(pipeline.schedule, mode="hourly"))
    deployed, _ = _deploy(session, checkout, hourly)
    assert deployed.settings["AIRFLOW__LAKE_TURNING__MAIN_STREAM_ARN"] == ""
    names = {function["FunctionName"] for function in session.client("lambda").list_functions()["Functions"]}
    assert "turning-capture" not in names


def test_a_table_that_exists_is_not_taken_over(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("foreign")
    _create_table(session, table_keys(pipeline)[1])
    with pytest.raises(SourceTableError, match="--adopt-tables") as raised:
        _deploy(session, checkout, pipeline)
    assert [finding.split(":")[0] for finding in raised.value.findings] == [table_keys(pipeline)[1].table]


def test_adopted_tables_are_named_with_all_they_lack(session: boto3.Session) -> None:
    bare, missing = TableKey("bare-table", (("k", "S"),)), TableKey("missing-table", (("k", "S"),))
    _create_table(session, TableKey("bare-table", (("k", "N"),)))
    with pytest.raises(SourceTableError) as raised:
        check_adoptable(session.client("dynamodb"), [bare, missing])
    text = str(raised.value)
    assert "its key is k (N), declared is k (S)" in text
    assert "aws dynamodb update-table --table-name bare-table --stream-specification" in text
    assert "aws dynamodb update-continuous-backups --table-name bare-table" in text
    assert "missing-table: there is no such table" in text


def test_tables_that_have_what_it_takes_are_adopted(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("adopting")
    dynamodb = session.client("dynamodb")
    for declared in table_keys(pipeline):
        _create_table(session, declared, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        dynamodb.update_continuous_backups(
            TableName=declared.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    deployed, _ = _deploy(session, checkout, pipeline, Choices(adopt_tables=True))
    resources = session.client("cloudformation").describe_stack_resources(StackName=deployed.stack)["StackResources"]
    assert "AWS::DynamoDB::Table" not in {resource["ResourceType"] for resource in resources}
    _, lines = _deploy(session, checkout, pipeline)
    assert lines == ["stack adopting-lake: no change"], "a later deployment keeps the choice"


def test_a_failing_resource_is_named_with_its_reason(session: boto3.Session, checkout: Path) -> None:
    pipeline = _named("failing")
    account = session.client("sts").get_caller_identity()["Account"]
    taken = f"failing-lake-{account}-{session.region_name}"
    session.client("s3").create_bucket(
        Bucket=taken, CreateBucketConfiguration={"LocationConstraint": session.region_name}
    )
    with pytest.raises(StackError, match=f"Bucket: .*{taken}"):
        _deploy(session, checkout, pipeline)
    with pytest.raises(StackError, match="aws cloudformation delete-stack --stack-name failing-lake"):
        _deploy(session, checkout, pipeline)


def test_a_pipeline_without_stack_says_how_to_make_one(session: boto3.Session) -> None:
    with pytest.raises(TerminalError, match=r"python -m include\.deploy --pipeline nowhere"):
        read_deployed(session, _named("nowhere"))


def test_an_unknown_pipeline_exits_with_2_and_names_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--pipeline", "unheard_of"]) == 2
    assert PIPELINE.name in capsys.readouterr().err


def test_the_command_writes_the_settings_for_airflow(
    session: boto3.Session, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ROOT", checkout)
    env_file = tmp_path / "airflow.env"
    assert command.main(["--pipeline", PIPELINE.name, "--env-file", str(env_file)]) == 0
    written = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    assert written == read_deployed(session, PIPELINE).settings


def test_on_aws_a_first_deployment_must_name_who_assumes_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    on_aws = boto3.Session("AKIAEXAMPLE", "secret", region_name="eu-central-1")
    with pytest.raises(MissingPrincipalError, match="--airflow-principal"):
        resolve_principals(on_aws, Choices(airflow_principal=f"arn:aws:iam::{ACCOUNT}:role/mwaa"), {}, "demo-lake")
    kept = {"AirflowPrincipal": "airflow", "ReaderPrincipal": "reader"}
    assert resolve_principals(on_aws, Choices(), kept, "demo-lake") == Principals("airflow", "reader")


def _create_table(session: boto3.Session, table: TableKey, **more: object) -> None:
    session.client("dynamodb").create_table(
        TableName=table.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in table.key],
        KeySchema=[
            {"AttributeName": name, "KeyType": role}
            for (name, _), role in zip(table.key, ("HASH", "RANGE"), strict=False)
        ],
        **more,
    )
