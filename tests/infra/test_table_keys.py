"""Tables under a key of their owner's: whoever reads them may decrypt with it through DynamoDB, and nobody else."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from include.deploy.deployment import Choices, Deployed
from include.local_aws.process import RunningLocalAws, ask
from tests.infra.deploying import PIPELINE, capturing, create_adoptable, deploy_as, named
from tests.infra.least_privilege import Right, idle_rights, read_statements, recorded_of
from tests.infra.live_work import awaited, crawl, role_of, without

SID = "TableKeyThroughDynamoDB"
# The shipped one: the stream function must know its declaration.
CAPTURING = capturing(PIPELINE)
READERS = ("AirflowRole", "SourceCrawlerRole", "CaptureRole")


@pytest.fixture
def key(session: boto3.Session) -> str:
    """The tables' key: one for the whole module."""
    kms = session.client("kms")
    present = [one["KeyArn"] for one in kms.list_keys()["Keys"]]
    described = {arn: kms.describe_key(KeyId=arn)["KeyMetadata"]["Description"] for arn in present}
    found = [arn for arn, description in described.items() if description == "the tables'"]
    return found[0] if found else str(kms.create_key(Description="the tables'")["KeyMetadata"]["Arn"])


@pytest.fixture
def deployed(session: boto3.Session, checkout: Path, key: str) -> Deployed:
    if PIPELINE.main.table not in session.client("dynamodb").list_tables()["TableNames"]:
        encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        create_adoptable(session, CAPTURING, SSESpecification=encryption)
    return deploy_as(session, checkout, CAPTURING, Choices(adopt_tables=True))[0]


def _export(session: boto3.Session, deployed: Deployed) -> None:
    """Export the main table as Airflow's tasks do."""
    taken = session.client("sts").assume_role(RoleArn=deployed.outputs["AirflowRoleArn"], RoleSessionName="export")
    keys = taken["Credentials"]
    own = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], session.region_name)
    own.client("dynamodb").export_table_to_point_in_time(
        TableArn=deployed.outputs["MainTableArn"], S3Bucket=deployed.outputs["Bucket"], S3Prefix="exports/keyed"
    )


def test_export_crawl_and_capture_work_and_need_the_right_to_the_tables_key(
    session: boto3.Session, local_aws: RunningLocalAws, deployed: Deployed, key: str
) -> None:
    item = {attribute.name: {attribute.type: "1"} for attribute in PIPELINE.main.key}
    session.client("dynamodb").put_item(TableName=PIPELINE.main.table, Item=item)
    _export(session, deployed)
    assert crawl(session.client("glue"), deployed)[0] == "SUCCEEDED"
    s3, bucket = session.client("s3"), deployed.outputs["Bucket"]
    assert awaited(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="inbox/").get("Contents"))

    decisions = recorded_of(ask(local_aws.endpoint_url, "GET", "/_local/decisions")["decisions"])
    iam, roles = session.client("iam"), {actor: role_of(deployed, actor) for actor in READERS}
    assert {one.principal for one in decisions if one.resource == key} == set(roles.values()), "nobody else"
    for role in roles.values():
        mine = [one for one in decisions if one.principal == role]
        assert Right(SID, "kms:Decrypt") not in idle_rights(read_statements(iam, role), mine)


def test_without_the_right_to_the_tables_key_they_are_refused(session: boto3.Session, deployed: Deployed) -> None:
    iam = session.client("iam")
    with without(iam, role_of(deployed, "AirflowRole"), SID), pytest.raises(ClientError, match="kms:Decrypt"):
        _export(session, deployed)
    with without(iam, role_of(deployed, "SourceCrawlerRole"), SID):
        status, message = crawl(session.client("glue"), deployed)
    assert (status, "kms:Decrypt" in message) == ("FAILED", True), message


def test_a_key_that_aws_manages_needs_no_right(session: boto3.Session, checkout: Path) -> None:
    pipeline = named("managed")
    create_adoptable(session, pipeline, SSESpecification={"Enabled": True, "SSEType": "KMS"})
    deployed, _ = deploy_as(session, checkout, pipeline, Choices(adopt_tables=True))
    statements = read_statements(session.client("iam"), role_of(deployed, "SourceCrawlerRole"))
    assert SID not in {statement["Sid"] for statement in statements}
