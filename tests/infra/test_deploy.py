"""Deployment against local AWS: create, repeat, update, adopt, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from include.deploy.deployment import (
    Choices,
    read_deployed,
)
from include.deploy.parameters import table_keys
from include.deploy.principals import MissingPrincipalError, Principals, resolve_principals
from include.deploy.stack import StackError
from include.deploy.tables import SourceTableError, TableKey, check_adoptable, source_account
from include.dynamo_lake.errors import TerminalError
from tests.infra.aws_cli import commands_of, mistakes_of
from tests.infra.checkouts import copy_checkout
from tests.infra.deploying import PIPELINE, capturing, create_adoptable, create_table, deploy_as, named
from tests.infra.rights import FORBIDDEN, NEEDED, RENDERED
from tests.infra.template import ACCOUNT, PARAMETERS


def test_a_first_deployment_makes_what_the_settings_name(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("first_one")
    deployed, _ = deploy_as(session, checkout, pipeline)
    bucket = deployed.settings["AIRFLOW__LAKE_FIRST_ONE__BUCKET"]
    job = session.client("glue").get_job(JobName=deployed.settings["AIRFLOW__LAKE_FIRST_ONE__MERGE_JOB"])["Job"]
    script = job["Command"]["ScriptLocation"].removeprefix(f"s3://{bucket}/")
    body = session.client("s3").get_object(Bucket=bucket, Key=script)["Body"].read()
    assert body == (checkout / "glue_scripts" / "merge_job.py").read_bytes()
    assert read_deployed(session, pipeline) == deployed


def test_a_repeated_deployment_changes_nothing(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("repeated")
    first, _ = deploy_as(session, checkout, pipeline)
    again, lines = deploy_as(session, checkout, pipeline)
    assert again == first
    assert lines == ["stack repeated-lake: no change"]


def test_changed_code_changes_the_job_and_the_function_alone(session: boto3.Session, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    pipeline = capturing(named("changed"))
    first, _ = deploy_as(session, checkout, pipeline)
    (checkout / "glue_scripts" / "merge_job.py").write_text("print('another')\n")
    second, lines = deploy_as(session, checkout, pipeline)
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        "modify CaptureFunction: Code",
        "modify MergeJob: Command, DefaultArguments",
    ]
    assert second.outputs["CodeVersion"] != first.outputs["CodeVersion"]
    assert second.settings.keys() == first.settings.keys()


def test_a_stream_is_captured_from_the_first_deployment_on_and_a_repetition_changes_nothing(
    session: boto3.Session, checkout: Path
) -> None:
    pipeline = capturing(named("capturing"))
    first, _ = deploy_as(session, checkout, pipeline)
    streams = {first.outputs["MainStreamArn"], first.outputs["LookupStreamArn"]}
    listed = session.client("lambda").list_event_source_mappings(FunctionName="capturing-capture")
    assert {mapping["EventSourceArn"] for mapping in listed["EventSourceMappings"]} == streams
    again, lines = deploy_as(session, checkout, pipeline)
    assert (again, lines) == (first, ["stack capturing-lake: no change"])


def test_a_pipeline_that_turns_to_the_schedule_alone_keeps_no_function(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("turning")
    deploy_as(session, checkout, capturing(pipeline))
    hourly = replace(pipeline, schedule=replace(pipeline.schedule, mode="hourly"))
    deployed, _ = deploy_as(session, checkout, hourly)
    assert deployed.settings["AIRFLOW__LAKE_TURNING__MAIN_STREAM_ARN"] == ""
    names = {function["FunctionName"] for function in session.client("lambda").list_functions()["Functions"]}
    assert "turning-capture" not in names


def test_a_table_that_exists_is_not_taken_over(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("foreign")
    create_table(session, table_keys(pipeline)[1])
    with pytest.raises(SourceTableError, match="adopt_tables = true") as raised:
        deploy_as(session, checkout, pipeline)
    assert [finding.split(":")[0] for finding in raised.value.findings] == [table_keys(pipeline)[1].table]


def test_adopted_tables_are_named_with_all_they_lack(session: boto3.Session) -> None:
    bare, missing = TableKey("bare-table", (("k", "S"),)), TableKey("missing-table", (("k", "S"),))
    create_table(session, TableKey("bare-table", (("k", "N"),)))
    with pytest.raises(SourceTableError) as raised:
        check_adoptable(source_account(session), [bare, missing])
    text = str(raised.value)
    assert "its key is k (N), declared is k (S)" in text
    assert "aws dynamodb update-table --table-name bare-table --stream-specification" in text
    assert "aws dynamodb update-continuous-backups --table-name bare-table" in text
    assert "PointInTimeRecoveryEnabled=true --region eu-central-1`" in text
    assert "missing-table: there is no such table" in text


def test_an_adopted_tables_stream_without_new_images_is_named_with_what_mends_it(session: boto3.Session) -> None:
    table = TableKey("keys-only-table", (("k", "S"),))
    create_table(session, table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    with pytest.raises(SourceTableError) as raised:
        check_adoptable(source_account(session), [table])
    commands = re.findall(r"`(aws [^`]+)`", str(raised.value))
    assert [mistakes_of(command) for (command,) in map(commands_of, commands)] == [[]] * 3
    assert "StreamEnabled=false --region eu-central-1" in commands[0]


def test_tables_that_have_what_it_takes_are_adopted(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("adopting")
    create_adoptable(session, pipeline)
    deployed, _ = deploy_as(session, checkout, pipeline, Choices(adopt_tables=True))
    resources = session.client("cloudformation").describe_stack_resources(StackName=deployed.stack)["StackResources"]
    assert "AWS::DynamoDB::Table" not in {resource["ResourceType"] for resource in resources}
    _, lines = deploy_as(session, checkout, pipeline)
    assert lines == ["stack adopting-lake: no change"], "a later deployment keeps the choice"


def test_a_failing_resource_is_named_with_its_reason(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("failing")
    taken = f"failing-reader-{session.region_name}"
    session.client("iam").create_role(RoleName=taken, AssumeRolePolicyDocument="{}")
    with pytest.raises(StackError, match=f"ReaderRole: .*{taken}"):
        deploy_as(session, checkout, pipeline)


def test_a_pipeline_without_stack_says_how_to_make_one(session: boto3.Session) -> None:
    with pytest.raises(TerminalError, match="there is no stack nowhere-lake: run `make deploy"):
        read_deployed(session, named("nowhere"))


def test_on_aws_a_first_deployment_must_name_who_assumes_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    on_aws = boto3.Session("AKIAEXAMPLE", "secret", region_name="eu-central-1")
    with pytest.raises(MissingPrincipalError, match="airflow_principal"):
        resolve_principals(on_aws, f"arn:aws:iam::{ACCOUNT}:role/mwaa", None, {}, "demo-lake")
    kept = {"AirflowPrincipal": "airflow", "ReaderPrincipal": "reader"}
    assert resolve_principals(on_aws, None, None, kept, "demo-lake") == Principals("airflow", "reader")


def test_the_live_roles_may_do_their_work_and_nothing_that_is_forbidden(session: boto3.Session, checkout: Path) -> None:
    main, lookup = PIPELINE.main.table, PIPELINE.sources[1].table
    renamed = {f"table/{old}": f"table/two_words-{new}" for old, new in (("Orders", main), ("Products", lookup))}
    pipeline = capturing(named("two_words"))
    pipeline = replace(pipeline, target=replace(pipeline.target, table=PARAMETERS["Target"]))
    outputs = deploy_as(session, checkout, pipeline)[0].outputs
    account = session.client("sts").get_caller_identity()["Account"]
    live = {
        ACCOUNT: account,
        RENDERED.arn_of("Key").replace(ACCOUNT, account): outputs["KeyArn"],
        PARAMETERS["MainStreamArn"].replace(ACCOUNT, account): outputs["MainStreamArn"],
        PARAMETERS["LookupStreamArn"].replace(ACCOUNT, account): outputs["LookupStreamArn"],
        **renamed,
    }

    def allowed(role: str, action: str, arn: str) -> bool:
        for old, new in live.items():
            arn = arn.replace(old, new)
        request = {"PolicySourceArn": outputs[f"{role}Arn"], "ActionNames": [action], "ResourceArns": [arn]}
        (decided,) = session.client("iam").simulate_principal_policy(**request)["EvaluationResults"]
        return bool(decided["EvalDecision"] == "allowed")

    assert [row for row in NEEDED if not allowed(*row)] == []
    assert [row for row in FORBIDDEN if allowed(*row)] == []
