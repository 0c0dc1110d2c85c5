"""Who may do what: decided against the true ARNs, and recorded."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.dynamo import Place
from tests.local_aws.roles import allow, decisions, document, make_role

ACCOUNT = "000000000000"


def test_an_export_needs_the_table_and_the_bucket(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    objects = f"arn:aws:s3:::{place.bucket}/mine/*"
    table = allow(["dynamodb:ExportTableToPointInTime"], place.arn)
    described = allow(["dynamodb:DescribeExport"], f"{place.arn}/export/*")
    writes = allow(["s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"], objects)
    at, wanted = place.next_edge(), {"TableArn": place.arn, "S3Bucket": place.bucket, "S3Prefix": "mine"}
    for statements, code in (
        ([table, described, writes], None),
        ([table, described, allow(["s3:PutObject", "s3:AbortMultipartUpload"], objects)], "S3AccessDenied"),
        ([table, described], "S3AccessDenied"),
    ):
        role = assume(*statements)
        dynamodb = client("dynamodb", role)
        arn = dynamodb.export_table_to_point_in_time(**wanted, ExportTime=at)["ExportDescription"]["ExportArn"]
        assert place.wait(arn).get("FailureCode") == code
        assert dynamodb.describe_export(ExportArn=arn)["ExportDescription"]["ExportArn"] == arn
        assert ("dynamodb:DescribeExport", arn, True) in decisions(place.running, role["Role"])
    with pytest.raises(ClientError, match=r"AccessDenied.*no identity-based policy allows"):
        client("dynamodb", assume(described)).export_table_to_point_in_time(**wanted)


def test_a_full_export_into_an_encrypted_bucket_works_as_the_caller(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    place.s3.put_bucket_encryption(Bucket=place.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    role = assume(
        allow(["dynamodb:ExportTableToPointInTime"], place.arn),
        allow(["s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"], f"arn:aws:s3:::{place.bucket}/*"),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], key),
    )
    wanted = {"TableArn": place.arn, "S3Bucket": place.bucket, "ExportTime": place.next_edge()}
    started = client("dynamodb", role).export_table_to_point_in_time(**wanted)["ExportDescription"]
    assert place.wait(started["ExportArn"])["ExportStatus"] == "COMPLETED"
    assert ("kms:GenerateDataKey", key, True) in decisions(place.running, role["Role"])


def test_who_may_not_use_a_buckets_key_neither_writes_nor_reads_nor_exports(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    place.s3.put_bucket_encryption(Bucket=place.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    place.s3.put_object(Bucket=place.bucket, Key="a", Body=b"x")
    role = assume(
        allow(["dynamodb:ExportTableToPointInTime"], place.arn), allow(["s3:*"], f"arn:aws:s3:::{place.bucket}/*")
    )
    s3 = client("s3", role)
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        s3.put_object(Bucket=place.bucket, Key="b", Body=b"x")
    with pytest.raises(ClientError, match="kms:Decrypt"):
        s3.get_object(Bucket=place.bucket, Key="a")
    assert "b" not in [one["Key"] for one in place.s3.list_objects_v2(Bucket=place.bucket)["Contents"]]
    wanted = {"TableArn": place.arn, "S3Bucket": place.bucket, "ExportTime": place.next_edge()}
    started = client("dynamodb", role).export_table_to_point_in_time(**wanted)["ExportDescription"]
    assert place.wait(started["ExportArn"])["FailureCode"] == "S3AccessDenied"


def test_a_tls_only_bucket_takes_exports(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    objects = f"arn:aws:s3:::{place.bucket}/*"
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": objects, "Condition": insecure}
    place.s3.put_bucket_policy(Bucket=place.bucket, Policy=document(deny))
    role = assume(allow(["dynamodb:ExportTableToPointInTime"], place.arn), allow(["s3:*"], objects))
    wanted = {"TableArn": place.arn, "S3Bucket": place.bucket, "ExportTime": place.next_edge()}
    started = client("dynamodb", role).export_table_to_point_in_time(**wanted)["ExportDescription"]
    assert place.wait(started["ExportArn"])["ExportStatus"] == "COMPLETED"


def test_another_table_of_the_same_glue_database_stays_closed(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    glue, database = client("glue"), f"d_{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": database})
    for name in ("mine", "theirs"):
        glue.create_table(DatabaseName=database, TableInput={"Name": name})
    root = f"arn:aws:glue:{place.running.environment['AWS_REGION']}:{ACCOUNT}"
    mine = [f"{root}:catalog", f"{root}:database/{database}", f"{root}:table/{database}/mine"]
    role = assume(allow(["glue:GetTable", "glue:UpdateTable"], *mine))
    reader = client("glue", role)
    assert reader.get_table(DatabaseName=database, Name="mine")["Table"]["Name"] == "mine"
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_table(DatabaseName=database, Name="theirs")
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.update_table(DatabaseName=database, TableInput={"Name": "theirs"})
    assert ("glue:GetTable", f"{root}:table/{database}/theirs", False) in decisions(place.running, role["Role"])
    without_catalog = client("glue", assume(allow(["glue:GetTable"], *mine[1:])))
    with pytest.raises(ClientError, match="AccessDenied"):
        without_catalog.get_table(DatabaseName=database, Name="mine")


def test_a_job_can_be_created_only_by_who_may_pass_its_role(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    runner = assume()["Role"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{runner}"
    root = f"arn:aws:glue:{place.running.environment['AWS_REGION']}:{ACCOUNT}:job/*"
    definition = {"Name": f"j-{uuid.uuid4().hex[:8]}", "Role": arn, "Command": {"Name": "glueetl"}}
    create = allow(["glue:CreateJob"], root)
    with pytest.raises(ClientError, match="iam:PassRole"):
        client("glue", assume(create)).create_job(**definition)
    to_glue = {"Condition": {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}}}
    may_pass = {**allow(["iam:PassRole"], arn), **to_glue}
    assert client("glue", assume(create, may_pass)).create_job(**definition)["Name"] == definition["Name"]


def test_a_function_and_a_rules_target_get_a_role_only_from_who_may_pass_it(
    client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    name, archive = f"f-{uuid.uuid4().hex[:8]}", io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("h.py", "def f(event, context):\n    return 1\n")
    runner = make_role(client, name, "lambda.amazonaws.com", [])
    wanted = {"FunctionName": name, "Runtime": "python3.12", "Handler": "h.f", "Role": runner}
    wanted |= {"Code": {"ZipFile": archive.getvalue()}}
    targets = {"Rule": name, "Targets": [{"Id": "1", "Arn": f"arn:aws:sqs:::{name}", "RoleArn": runner}]}
    client("events").put_rule(Name=name, EventPattern='{"source": ["any"]}')
    may_all = allow(["lambda:*", "events:*"], "*")
    without = assume(may_all)
    for call in (
        lambda: client("lambda", without).create_function(**wanted),
        lambda: client("events", without).put_targets(**targets),
    ):
        with pytest.raises(ClientError, match="iam:PassRole"):
            call()
    to_lambda = {"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
    passing = assume(may_all, {**allow(["iam:PassRole"], runner), **to_lambda})
    assert client("lambda", passing).create_function(**wanted)["FunctionName"] == name
    with pytest.raises(ClientError, match="iam:PassRole"):
        client("events", passing).put_targets(**targets)
    with pytest.raises(ClientError, match="iam:PassRole"):
        client("lambda", without).update_function_configuration(FunctionName=name, Role=runner)
    client("lambda", without).update_function_configuration(FunctionName=name, Timeout=9)


def test_log_groups_open_with_the_colon_star_spelling(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    group = f"/lake/{uuid.uuid4().hex[:8]}"
    client("logs").create_log_group(logGroupName=group)
    root = f"arn:aws:logs:{place.running.environment['AWS_REGION']}:{ACCOUNT}:log-group"
    writer = client("logs", assume(allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{root}:{group}:*")))
    writer.create_log_stream(logGroupName=group, logStreamName="one")
    events = [{"timestamp": 1_800_000_000_000, "message": "hello"}]
    writer.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.create_log_stream(logGroupName=f"{group}-other", logStreamName="one")


def test_a_tls_only_bucket_lets_callers_in(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    objects = f"arn:aws:s3:::{place.bucket}/*"
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": objects,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    place.s3.put_bucket_policy(Bucket=place.bucket, Policy=document(tls_only))
    role = assume(allow(["s3:PutObject"], objects))
    client("s3", role).put_object(Bucket=place.bucket, Key="a", Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3", role).get_object(Bucket=place.bucket, Key="a")
    taken = decisions(place.running, role["Role"])
    assert ("s3:PutObject", f"arn:aws:s3:::{place.bucket}/a", True) in taken
    assert ("s3:GetObject", f"arn:aws:s3:::{place.bucket}/a", False) in taken


def test_forged_signatures_are_refused(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    role = assume(allow(["dynamodb:*", "glue:*"], "*"))
    forged = {**role, "SecretAccessKey": "x" * 40}
    with pytest.raises(ClientError, match="Signature"):
        client("dynamodb", forged).describe_continuous_backups(TableName=place.table)
    with pytest.raises(ClientError, match="Signature"):
        client("glue", forged).get_databases()
    unknown = {**role, "AccessKeyId": "ASIAUNKNOWN000000000"}
    with pytest.raises(ClientError, match="security token"):
        client("dynamodb", unknown).describe_continuous_backups(TableName=place.table)


def test_writes_under_a_role_are_logged_and_recorded(
    place: Place, client: Callable[..., Any], assume: Callable[..., dict[str, Any]]
) -> None:
    role = assume(allow(["dynamodb:PutItem"], place.arn))
    writer = client("dynamodb", role)
    writer.put_item(TableName=place.table, Item={"pk": {"S": "u"}, "sk": {"N": "1"}})
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.delete_item(TableName=place.table, Key={"pk": {"S": "u"}, "sk": {"N": "1"}})
    assert len(place.read_lines(place.export(ExportTime=place.next_edge()))) == 1
    assert decisions(place.running, role["Role"]) == {
        ("dynamodb:PutItem", place.arn, True),
        ("dynamodb:DeleteItem", place.arn, False),
    }
