"""A stack over what an earlier one left, and over a bucket and a key of one's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from include.deploy import deployment
from include.deploy.deployment import Choices, preview
from include.deploy.destroy import Deletion, destroy
from include.deploy.environments import Environment
from include.deploy.kept import KeptDataError
from include.deploy.own_bucket import OwnBucketError, expiry_rules
from include.deploy.stack import delete_stack
from include.deploy.storage import ChangedStorageError, OwnBucketNeedsKeyError, resolve_storage
from tests.infra.aws_cli import mistakes_of, run
from tests.infra.deploying import PIPELINE, capturing, deploy_as, named

REGION = "eu-central-1"


def _gone(session: boto3.Session, stack: str) -> None:
    delete_stack(session.client("cloudformation"), stack, lambda _: None)


def _bucket(session: boto3.Session, name: str) -> str:
    session.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def test_a_stack_that_was_taken_away_comes_back_over_its_data(session: boto3.Session, checkout: Path) -> None:
    pipeline = capturing(named("coming_back"))
    first, _ = deploy_as(session, checkout, pipeline)
    bucket = first.outputs["Bucket"]
    session.client("s3").put_object(Bucket=bucket, Key="state/coverage.json", Body=b"{}")
    session.client("s3").delete_bucket_lifecycle(Bucket=bucket)
    table = {"Name": "rows", "StorageDescriptor": {"Location": f"s3://{bucket}/warehouse/rows"}}
    session.client("glue").create_table(DatabaseName=first.outputs["LakeDatabase"], TableInput=table)
    _gone(session, first.stack)

    told = preview(session, checkout, pipeline, Choices())
    assert [line for line in told if bucket in line and "takes back" in line], told
    again, lines = deploy_as(session, checkout, pipeline)
    assert again == first, "same bucket, same key, same streams"
    assert "  import Bucket" in lines
    assert "  import Key" in lines
    body = session.client("s3").get_object(Bucket=bucket, Key="state/coverage.json")["Body"].read()
    assert body == b"{}"
    assert session.client("glue").get_table(DatabaseName=first.outputs["LakeDatabase"], Name="rows")
    rules = session.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rules == expiry_rules(pipeline.retention), (
        "what was changed meanwhile is the template's again, and that of own buckets"
    )
    assert deploy_as(session, checkout, pipeline) == (first, ["stack coming-back-lake: no change"])


def test_a_deployment_that_broke_after_taking_back_is_gone_on_with(
    session: boto3.Session, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = named("broken_off")
    first, _ = deploy_as(session, checkout, pipeline)
    _gone(session, first.stack)

    def break_off(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(deployment, "_upload_code", break_off)
        with pytest.raises(ConnectionError):
            deploy_as(session, checkout, pipeline)
    stack = session.client("cloudformation").describe_stacks(StackName=first.stack)["Stacks"][0]
    assert stack["StackStatus"] == "IMPORT_COMPLETE"
    assert deploy_as(session, checkout, pipeline)[0] == first


def test_a_bucket_that_no_stack_of_the_pipeline_left_is_not_taken(session: boto3.Session, checkout: Path) -> None:
    account = session.client("sts").get_caller_identity()["Account"]
    taken = _bucket(session, f"strange-lake-{account}-{REGION}")
    with pytest.raises(KeptDataError, match=f"bucket {taken} exists and is encrypted with no key"):
        deploy_as(session, checkout, named("strange"))


def test_a_key_that_is_about_to_be_deleted_is_named_with_what_keeps_it(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("late_key")
    first, _ = deploy_as(session, checkout, pipeline)
    _gone(session, first.stack)
    session.client("kms").schedule_key_deletion(KeyId=first.outputs["KeyArn"], PendingWindowInDays=7)
    with pytest.raises(KeptDataError, match="aws kms cancel-key-deletion --key-id"):
        deploy_as(session, checkout, pipeline)


def test_databases_without_their_bucket_are_named_with_what_removes_them(
    session: boto3.Session, checkout: Path
) -> None:
    session.client("glue").create_database(DatabaseInput={"Name": "orphaned_lake"})
    with pytest.raises(KeptDataError, match="aws glue delete-database --name orphaned_lake"):
        deploy_as(session, checkout, named("orphaned"))


@pytest.fixture
def own(session: boto3.Session) -> Callable[[str], Choices]:
    """A key and a bare bucket of one's own."""

    def make(bucket: str) -> Choices:
        key = session.client("kms").create_key(Description="mine")["KeyMetadata"]["Arn"]
        return Choices(own_key_arn=key, own_bucket=_bucket(session, bucket))

    return make


def _run_remedies(session: boto3.Session, error: OwnBucketError) -> None:
    """Run the commands of a refusal as written."""
    for finding in error.findings:
        found = re.search(r"run `(aws .+)`$", finding, re.DOTALL)
        assert found, finding
        command = shlex.split(found[1])
        assert (mistakes_of(command), "--region" in command) == ([], True)
        run(session, command)


def test_a_bucket_of_ones_own_is_refused_with_the_commands_that_mend_it_and_then_used(
    session: boto3.Session, checkout: Path, own: Callable[[str], Choices]
) -> None:
    pipeline, choices = capturing(named("at_home")), own("somebodys-own-bucket")
    with pytest.raises(OwnBucketError) as raised:
        deploy_as(session, checkout, pipeline, choices)
    assert len(raised.value.findings) == 4, "a new bucket is closed to the public already"
    _run_remedies(session, raised.value)
    deployed, _ = deploy_as(session, checkout, pipeline, choices)
    assert deployed.outputs["Bucket"] == choices.own_bucket
    assert deployed.outputs["KeyArn"] == choices.own_key_arn
    resources = session.client("cloudformation").describe_stack_resources(StackName=deployed.stack)["StackResources"]
    assert {one["ResourceType"] for one in resources} & {
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::KMS::Key",
    } == set()
    assert deploy_as(session, checkout, pipeline)[1] == ["stack at-home-lake: no change"], (
        "a later one keeps the choice"
    )
    with pytest.raises(ChangedStorageError, match="take bucket out again"):
        deploy_as(session, checkout, pipeline, Choices(own_bucket="another-bucket", own_key_arn=choices.own_key_arn))


def test_a_stack_over_a_bucket_of_ones_own_comes_back_over_its_tables_too(
    session: boto3.Session, checkout: Path, own: Callable[[str], Choices]
) -> None:
    pipeline, choices = named("home_again"), own("home-again-bucket")
    with pytest.raises(OwnBucketError) as raised:
        deploy_as(session, checkout, pipeline, choices)
    _run_remedies(session, raised.value)
    first, _ = deploy_as(session, checkout, pipeline, choices)
    _gone(session, first.stack)
    assert deploy_as(session, checkout, pipeline, choices)[0] == first


def test_what_is_ones_own_outlives_the_deletion_of_data(
    session: boto3.Session, checkout: Path, own: Callable[[str], Choices]
) -> None:
    choices = own("another-own-bucket")
    with pytest.raises(OwnBucketError) as raised:
        deploy_as(session, checkout, PIPELINE, choices)
    _run_remedies(session, raised.value)
    deployed, _ = deploy_as(session, checkout, PIPELINE, choices)
    account = session.client("sts").get_caller_identity()["Account"]
    environment = Environment("local", REGION, account, pipelines=(PIPELINE.name,))
    lines: list[str] = []
    destroy(session, environment, Deletion(str(choices.own_bucket)), lines.append)
    session.client("s3").head_bucket(Bucket=choices.own_bucket)
    key = session.client("kms").describe_key(KeyId=choices.own_key_arn)["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
    assert len([line for line in lines if "since it is your own" in line]) == 2
    assert deployed.outputs["LakeDatabase"] not in {
        one["Name"] for one in session.client("glue").get_databases()["DatabaseList"]
    }


def test_a_bucket_of_ones_own_needs_the_key_that_encrypts_it() -> None:
    with pytest.raises(OwnBucketNeedsKeyError, match="add key_arn"):
        resolve_storage("mine", None, {}, "the-stacks", "demo-lake")


def test_the_key_cannot_be_changed_under_data() -> None:
    with pytest.raises(ChangedStorageError, match="take key_arn out again"):
        resolve_storage(None, "arn:mine", {"Pipeline": "demo"}, "the-stacks", "demo-lake")
