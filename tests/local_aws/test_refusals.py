"""What the base answers falsely is refused, loudly."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from include.local_aws.calls import AwsError
from include.local_aws.process import RunningLocalAws
from include.local_aws.refusals import REFUSED_TARGETS, check_iam, check_target
from tests.local_aws.conftest import make_client
from tests.local_aws.roles import allow


@pytest.mark.parametrize("target", sorted(REFUSED_TARGETS))
def test_every_listed_operation_is_refused_by_name(target: str) -> None:
    with pytest.raises(AwsError, match=target.partition(".")[2]) as refused:
        check_target(target, b"{}")
    assert refused.value.code == "NotImplementedByLocalAws"


def test_partiql_is_refused_because_exports_would_miss_its_writes(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*exports would miss"):
        client("dynamodb").execute_statement(Statement="DELETE FROM t WHERE pk = 'x'")


def test_replication_and_principal_arn_policies_are_refused(client: Callable[..., Any]) -> None:
    s3, name = client("s3"), f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*PrincipalArn"):
        s3.put_bucket_policy(Bucket=name, Policy=policy)
    destination = {"Bucket": f"arn:aws:s3:::{name}"}
    rule = {"Status": "Enabled", "Prefix": "", "Destination": destination}
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*replication"):
        s3.put_bucket_replication(
            Bucket=name, ReplicationConfiguration={"Role": "arn:aws:iam::000000000000:role/x", "Rules": [rule]}
        )


@pytest.mark.parametrize("name", ["dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:attributes"])
def test_conditions_on_what_an_item_holds_are_refused(client: Callable[..., Any], name: str) -> None:
    condition = {"ForAllValues:StringEquals": {name: ["u1"]}}
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": condition}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    with pytest.raises(ClientError, match=rf"NotImplementedByLocalAws.*{name}"):
        client("iam").put_role_policy(RoleName="any", PolicyName="p", PolicyDocument=json.dumps(document))
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "Policies": [{"PolicyName": "p", "PolicyDocument": document}],
        },
    }
    with pytest.raises(ClientError, match=rf"NotImplementedByLocalAws.*{name}"):
        client("cloudformation").create_stack(
            StackName=f"s-{uuid.uuid4().hex[:8]}",
            TemplateBody=json.dumps({"Resources": {"Role": role}}),
            Capabilities=["CAPABILITY_IAM"],
        )


def test_members_that_nothing_would_act_on_are_refused(client: Callable[..., Any]) -> None:
    glue = client("glue")
    iceberg = {"IcebergInput": {"MetadataOperation": "CREATE"}}
    targets = {"DynamoDBTargets": [{"Path": "t"}]}
    calls: list[Callable[[], Any]] = [
        lambda: glue.create_table(DatabaseName="d", TableInput={"Name": "t"}, OpenTableFormatInput=iceberg),
        lambda: glue.create_crawler(Name="c", Role="r", Targets=targets, Schedule="cron(0 * * * ? *)"),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="NotImplementedByLocalAws"):
            call()


def test_a_condition_that_is_evaluated_and_the_actions_of_a_table_pass() -> None:
    select = {"StringEquals": {"dynamodb:Select": "COUNT"}}
    statement = {"Effect": "Allow", "Action": ["dynamodb:Query"], "Resource": "*", "Condition": select}
    check_iam(urlencode({"PolicyDocument": json.dumps({"Statement": [statement]})}).encode())


def test_a_templates_bucket_policy_on_principal_arn_is_refused(client: Callable[..., Any]) -> None:
    condition = {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/x"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition}
    properties = {"Bucket": "any", "PolicyDocument": {"Statement": [statement]}}
    template = {"Resources": {"Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": properties}}}
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*PrincipalArn"):
        client("cloudformation").create_stack(StackName="any", TemplateBody=json.dumps(template))


def test_only_root_changes_stacks_because_their_resources_are_made_as_root(
    client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    cloudformation, name = (
        client("cloudformation", assume(allow(["cloudformation:*"], "*"))),
        f"s-{uuid.uuid4().hex[:8]}",
    )
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        },
    }
    wanted = {"StackName": name, "TemplateBody": json.dumps({"Resources": {"Role": role}})}
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*CreateStack by others than root"):
        cloudformation.create_stack(**wanted, Capabilities=["CAPABILITY_NAMED_IAM"])
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*CreateChangeSet"):
        cloudformation.create_change_set(**wanted, ChangeSetName="c", Capabilities=["CAPABILITY_NAMED_IAM"])
    assert name not in [one["StackName"] for one in cloudformation.list_stacks()["StackSummaries"]]


def test_mwaa_is_refused_because_nothing_would_run(running: RunningLocalAws) -> None:
    mwaa = make_client(running, "mwaa", inject_host_prefix=False)
    for call in (
        lambda: mwaa.create_environment(
            Name="any",
            DagS3Path="dags",
            ExecutionRoleArn="arn:aws:iam::000000000000:role/none",
            NetworkConfiguration={"SubnetIds": ["s-1", "s-2"], "SecurityGroupIds": ["sg-1"]},
            SourceBucketArn="arn:aws:s3:::none",
        ),
        lambda: mwaa.create_cli_token(Name="any"),
        lambda: mwaa.invoke_rest_api(Name="any", Path="/dags", Method="GET"),
    ):
        with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*MWAA"):
            call()
