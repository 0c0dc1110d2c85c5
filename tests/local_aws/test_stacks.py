"""CloudFormation: what AWS refuses is refused, what the base drops is applied, all is read back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.calls import AwsError
from include.local_aws.stack_readback import differences
from include.local_aws.stack_templates import check_parameters, check_template

Template = dict[str, Any]


def bucket_template(**properties: Any) -> Template:
    return {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}


def table_of(name: str, **properties: Any) -> Template:
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            **properties,
        },
    }


def deploy(cloudformation: Any, name: str, template: Template, kind: str = "CREATE") -> None:
    """Through a change set, with boto3's waiters."""
    change_set = f"c-{uuid.uuid4().hex[:8]}"
    cloudformation.create_change_set(
        StackName=name, ChangeSetName=change_set, ChangeSetType=kind, TemplateBody=json.dumps(template)
    )
    fast = {"Delay": 1, "MaxAttempts": 30}
    waiter = cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(StackName=name, ChangeSetName=change_set, WaiterConfig=fast)
    cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
    cloudformation.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=name, WaiterConfig=fast)


def test_a_change_set_leaves_a_table_and_a_bucket_as_the_template_says(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    lifecycle = {"Rules": [{"Id": "old", "Status": "Enabled", "Prefix": "exports/", "ExpirationInDays": 40}]}
    default = {"SSEAlgorithm": "aws:kms"}
    template = bucket_template(
        BucketName=name,
        BucketEncryption={"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]},
        LifecycleConfiguration=lifecycle,
        VersioningConfiguration={"Status": "Enabled"},
    )
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    protected = {"PointInTimeRecoverySpecification": recovery, "SSESpecification": {"SSEEnabled": True}}
    template["Resources"]["Table"] = table_of(name, **protected)
    deploy(client("cloudformation"), name, template)
    s3, dynamodb = client("s3"), client("dynamodb")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (rule["Filter"], rule["Expiration"]) == ({"Prefix": "exports/"}, {"Days": 40})
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == default
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7
    assert dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"]["Status"] == "ENABLED"
    recovery["RecoveryPeriodInDays"] = 9
    deploy(client("cloudformation"), name, template, "UPDATE")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 9


def test_a_job_keeps_its_concurrency_and_its_numbers(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    job = {
        "Name": name,
        "Role": "arn:aws:iam::000000000000:role/any",
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k"},
        "NumberOfWorkers": "2",
        "ExecutionProperty": {"MaxConcurrentRuns": 3},
    }
    deploy(client("cloudformation"), name, {"Resources": {"Job": {"Type": "AWS::Glue::Job", "Properties": job}}})
    found = client("glue").get_job(JobName=name)["Job"]
    assert (found["ExecutionProperty"], found["NumberOfWorkers"]) == ({"MaxConcurrentRuns": 3}, 2)


def test_a_stack_that_does_not_hold_its_template_has_failed(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    rule = {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 1}]}
    cloudformation = client("cloudformation")
    template = bucket_template(BucketName=name, LifecycleConfiguration={"Rules": [rule]})
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"] == "CREATE_IN_PROGRESS":
        pass
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert "Transitions" in stack["StackStatusReason"]
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert any("Transitions" in event.get("ResourceStatusReason", "") for event in events)


def test_a_queues_policy_with_several_resources_in_a_statement_is_refused(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    queues = {f"Queue{n}": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{name}-{n}"}} for n in (1, 2)}
    arns = [{"Fn::GetAtt": [queue, "Arn"]} for queue in queues]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": arns}
    properties = {"Queues": [{"Ref": queue} for queue in queues], "PolicyDocument": {"Statement": [statement]}}
    policy = {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {**queues, "Policy": policy}}))
    while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"] == "CREATE_IN_PROGRESS":
        pass
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert "Policy (AWS::SQS::QueuePolicy): " in stack["StackStatusReason"]
    assert "Invalid value for the parameter Policy" in stack["StackStatusReason"]


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (bucket_template(BuketName="x"), "unknown property BuketName"),
        (bucket_template(VersioningConfiguration={"State": "Enabled"}), "unknown property State"),
        (bucket_template(BucketName={"Fn::If": ["Nope", "a", "b"]}), "Fn::If names Nope"),
        (bucket_template(BucketName={"Ref": "Nobody"}), "Ref names Nobody"),
        (bucket_template(BucketName={"Fn::Sub": "${Nobody.Arn}"}), "Fn::GetAtt names Nobody"),
        (bucket_template(BucketName={"Fn::GetAtt": ["Bucket", "Nope"]}), "has no attribute Nope"),
        ({"Resources": {"A": {"Type": "AWS::Nope::Thing"}}}, "unrecognized resource type AWS::Nope::Thing"),
        ({"Resources": {"A": {"Type": "AWS::Glue::Job", "Properties": {"Name": "x"}}}}, "required property Command"),
        ({"Resources": {"A": {"Type": "AWS::S3::Bucket", "DependsOn": "B"}}}, "DependsOn names B"),
        ({"Resources": {"A": {"Type": "AWS::S3::Bucket", "Propertys": {}}}}, "unknown attribute Propertys"),
        ({"Resource": {}}, "unknown section Resource"),
    ],
)
def test_a_faulty_template_is_refused_by_name(template: Template, fault: str) -> None:
    with pytest.raises(AwsError, match=fault) as refused:
        check_template(template)
    assert refused.value.code == "ValidationError"


def test_a_parameter_that_the_template_has_not_is_refused() -> None:
    template = {**bucket_template(), "Parameters": {"Name": {"Type": "String"}}}
    check_parameters(template, ["Name"])
    with pytest.raises(AwsError, match=r"Parameters: \[Nmae\] do not exist in the template"):
        check_parameters(template, ["Nmae"])


def test_a_refused_template_makes_nothing(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    template = bucket_template(BucketName=name)
    template["Outputs"] = {"Arn": {"Value": {"Ref": "Nobody"}}}
    with pytest.raises(ClientError, match=r"ValidationError.*Ref names Nobody"):
        client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    assert name not in [one["Name"] for one in client("s3").list_buckets()["Buckets"]]


def _role(name: str) -> Template:
    return {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": TRUST}}


TRUST = {"Version": "2012-10-17", "Statement": []}


def test_a_resource_whose_name_is_taken_is_not_made_over(client: Callable[..., Any]) -> None:
    name, cloudformation, iam = f"s-{uuid.uuid4().hex[:8]}", client("cloudformation"), client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), Description="mine")
    text = json.dumps({"Resources": {"Role": _role(name)}})
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="one",
        ChangeSetType="CREATE",
        TemplateBody=text,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    described = cloudformation.describe_change_set(StackName=name, ChangeSetName="one")
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert (
        f"Role: Resource of type 'AWS::IAM::Role' with identifier '{name}' already exists" in described["StatusReason"]
    )
    with pytest.raises(ClientError, match="already exists"):
        cloudformation.create_stack(StackName=f"{name}-2", TemplateBody=text, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "mine"


def test_an_update_may_keep_its_own_names(client: Callable[..., Any]) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    template = {"Resources": {"Table": table_of(name)}}
    deploy(client("cloudformation"), name, template)
    template["Resources"]["Table"]["Properties"]["SSESpecification"] = {"SSEEnabled": True}
    deploy(client("cloudformation"), name, template, "UPDATE")


def test_differences_name_the_place_and_both_sides() -> None:
    expected = {"A": {"B": [{"C": "1"}, {"D": True}]}}
    assert list(differences(expected, {"A": {"B": [{"C": 1, "X": 2}, {"D": "true"}]}, "Y": 3})) == []
    (fault,) = differences(expected, {"A": {"B": [{"C": 2}, {"D": True}]}})
    assert fault == "A.B[0].C: the template says '1', the service 2"
