"""What the base answers falsely is refused, loudly."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.calls import AwsError
from include.local_aws.refusals import REFUSED_TARGETS, check_target


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


def test_leading_keys_conditions_are_refused(client: Callable[..., Any]) -> None:
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["u1"]}}
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": condition}
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*LeadingKeys"):
        client("iam").put_role_policy(
            RoleName="any",
            PolicyName="p",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
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
