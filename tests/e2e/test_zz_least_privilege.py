"""After all other end-to-end tests: what they needed is what the roles have, and what a role must not do it cannot do.

Named to run last: it reads the record of every authorization decision that the tests before it caused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from include.laptop.local_pipeline import LocalPipeline
from include.local_aws.process import ask
from tests.infra.least_privilege import Right, idle_rights, read_statements, recorded_of, unexplained
from tests.infra.template import ROOT

pytestmark = pytest.mark.spark

_GUIDE = "https://docs.aws.amazon.com"
_GLUE_ROLE = f"{_GUIDE}/glue/latest/dg/create-an-iam-role.html"
_ATHENA_S3 = f"{_GUIDE}/athena/latest/ug/s3-permissions.html"
_MULTIPART = f"{_GUIDE}/AmazonS3/latest/userguide/mpuoverview.html"

# What only AWS itself exercises, each with the document that asks for it.
BY_AWS = {
    ("SourceCrawlerRole", "Log", "logs:CreateLogGroup"): _GLUE_ROLE,
    ("SourceCrawlerRole", "Log", "logs:CreateLogStream"): _GLUE_ROLE,
    ("SourceCrawlerRole", "Log", "logs:PutLogEvents"): _GLUE_ROLE,
    ("SourceCrawlerRole", "Catalog", "glue:GetTables"): _GLUE_ROLE,
    (
        "SourceCrawlerRole",
        "Catalog",
        "glue:UpdateTable",
    ): f"{_GUIDE}/glue/latest/dg/crawler-schema-changes-prevent.html",
    ("OutputCrawlerRole", "Log", "logs:CreateLogGroup"): _GLUE_ROLE,
    ("OutputCrawlerRole", "Log", "logs:CreateLogStream"): _GLUE_ROLE,
    ("OutputCrawlerRole", "Log", "logs:PutLogEvents"): _GLUE_ROLE,
    ("OutputCrawlerRole", "LocateBucket", "s3:GetBucketLocation"): _GLUE_ROLE,
    ("OutputCrawlerRole", "Catalog", "glue:GetTables"): _GLUE_ROLE,
    ("OutputCrawlerRole", "Catalog", "glue:CreateTable"): _GLUE_ROLE,
    ("OutputCrawlerRole", "Catalog", "glue:UpdateTable"): _GLUE_ROLE,
    ("OutputCrawlerRole", "KeyThroughS3", "kms:Decrypt"): f"{_GUIDE}/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    ("GlueJobRole", "Log", "logs:CreateLogStream"): _GLUE_ROLE,
    ("GlueJobRole", "Log", "logs:PutLogEvents"): _GLUE_ROLE,
    ("GlueJobRole", "ListBucket", "s3:GetBucketLocation"): _GLUE_ROLE,
    ("GlueJobRole", "WriteLake", "s3:AbortMultipartUpload"): _MULTIPART,
    # Lambda itself writes a function's log under the function's role.
    ("CaptureRole", "Log", "logs:CreateLogStream"): f"{_GUIDE}/lambda/latest/dg/lambda-intro-execution-role.html",
    ("CaptureRole", "Log", "logs:PutLogEvents"): f"{_GUIDE}/lambda/latest/dg/lambda-intro-execution-role.html",
    ("ReaderRole", "Results", "s3:AbortMultipartUpload"): _ATHENA_S3,
    ("ReaderRole", "Results", "s3:ListMultipartUploadParts"): _ATHENA_S3,
    # Athena itself lists the locations and uses the key as the reader; local Athena asks for neither.
    ("ReaderRole", "ListTargetAndResults", "s3:ListBucket"): _ATHENA_S3,
    ("ReaderRole", "KeyThroughS3", "kms:Decrypt"): f"{_GUIDE}/athena/latest/ug/encryption.html",
    ("ReaderRole", "KeyThroughS3", "kms:GenerateDataKey"): f"{_GUIDE}/athena/latest/ug/encryption.html",
    (
        "ReaderRole",
        "Catalog",
        "glue:GetTables",
    ): f"{_GUIDE}/athena/latest/ug/fine-grained-access-to-glue-resources.html",
}
# What our own code exercises where something fails or an old file goes, each with the test of it.
BY_OUR_CODE = {
    (
        "GlueJobRole",
        "WriteLake",
        "s3:DeleteObject",
    ): "tests/spark/test_maintenance.py::test_a_deleted_items_image_is_in_no_file_once_its_time_has_passed",
    ("AirflowRole", "Athena", "athena:StopQueryExecution"): "tests/plugins/test_check_operator.py::"
    "test_at_its_ceiling_a_query_is_stopped",
    ("AirflowRole", "Crawlers", "glue:StopCrawler"): "tests/plugins/test_crawl.py::"
    "test_a_crawl_is_stopped_where_a_merge_began_while_it_started",
    ("AirflowRole", "MergeJob", "glue:BatchStopJobRun"): "tests/plugins/test_merge_operator.py::"
    "test_at_its_ceiling_a_run_is_stopped",
}
# Change files come from captured streams; a run sweeps what they left even where capture was turned off since.
WITH_CAPTURE = {("AirflowRole", "MoveOutOfInbox", "s3:DeleteObject")}


def role_of(one: LocalPipeline, actor: str) -> str:
    return one.deployed.outputs[f"{actor}Arn"].rpartition("/")[2]


def client_as(one: LocalPipeline, actor: str) -> Callable[[str], Any]:
    """Clients with the keys of a role that the account may take."""
    arn = one.deployed.outputs[f"{actor}Arn"]
    keys = one.client("sts").assume_role(RoleArn=arn, RoleSessionName="least-privilege")["Credentials"]
    session = boto3.Session(
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        keys["SessionToken"],
        region_name=one.client("s3").meta.region_name,
    )
    return session.client


@pytest.fixture(scope="module")
def read_by_a_reader(campaign: LocalPipeline) -> None:
    """What a reader does: look at the table, query it, take the answer, stop a query."""
    outputs, client = campaign.deployed.outputs, client_as(campaign, "ReaderRole")
    athena, glue, workgroup = client("athena"), client("glue"), outputs["Workgroup"]
    athena.get_work_group(WorkGroup=workgroup)
    database, table = outputs["AnalyticsDatabase"], campaign.pipeline.target.table
    glue.get_database(Name=database)
    glue.get_table(DatabaseName=database, Name=table)
    started = athena.start_query_execution(QueryString=f"SELECT count(*) FROM {campaign.target}", WorkGroup=workgroup)
    query = started["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]["State"] in {
        "QUEUED",
        "RUNNING",
    }:
        assert time.monotonic() < deadline, "the reader's query does not end"
        time.sleep(0.1)
    athena.get_query_results(QueryExecutionId=query)
    athena.stop_query_execution(QueryExecutionId=query)


def test_no_right_of_any_role_is_idle(campaign: LocalPipeline, read_by_a_reader: None) -> None:
    decisions = recorded_of(ask(campaign.running.endpoint_url, "GET", "/_local/decisions")["decisions"])
    captures = "CaptureRoleArn" in campaign.deployed.outputs
    excused = set(BY_AWS) | set(BY_OUR_CODE) | (set() if captures else WITH_CAPTURE)
    idle: set[tuple[str, str, str]] = set()
    for output in campaign.deployed.outputs:
        if not output.endswith("RoleArn"):
            continue
        actor = output.removesuffix("Arn")
        role = role_of(campaign, actor)
        statements = read_statements(campaign.client("iam"), role)
        mine = {one for one in decisions if one.principal == role}
        assert mine, f"{role} did nothing"
        assert unexplained(statements, mine) == frozenset()
        idle |= {(actor, right.sid, right.action) for right in idle_rights(statements, mine)}
    assert idle - excused == set()


def test_every_excuse_is_about_a_right_that_exists(campaign: LocalPipeline) -> None:
    held = {
        (actor, statement["Sid"], action)
        for actor in {actor for actor, _, _ in (*BY_AWS, *BY_OUR_CODE)}
        for statement in read_statements(campaign.client("iam"), role_of(campaign, actor))
        for action in statement["Action"]
    }
    assert (set(BY_AWS) | set(BY_OUR_CODE)) - held == set()
    assert all(document.startswith("https://") for document in BY_AWS.values())
    for test in BY_OUR_CODE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), test


def _forbidden(one: LocalPipeline) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Actor, service, operation, request: what must be refused, called for real."""
    outputs, slug = one.deployed.outputs, one.names.dashed
    main, target = outputs["MainTableArn"].rpartition("/")[2], one.pipeline.target.table
    put = {"Bucket": one.bucket, "Body": b"x"}
    table = {"DatabaseName": outputs["AnalyticsDatabase"], "TableInput": {"Name": target}}
    return [
        ("AirflowRole", "dynamodb", "scan", {"TableName": main}),
        ("AirflowRole", "dynamodb", "put_item", {"TableName": main, "Item": {"k": {"S": "v"}}}),
        ("AirflowRole", "s3", "put_object", {**put, "Key": f"warehouse/{target}/x"}),
        ("AirflowRole", "s3", "put_object", {**put, "Key": "code/x"}),
        ("AirflowRole", "s3", "delete_object", {"Bucket": one.bucket, "Key": "state/coverage.json"}),
        ("AirflowRole", "s3", "delete_object", {"Bucket": one.bucket, "Key": "exports/x"}),
        ("AirflowRole", "glue", "start_job_run", {"JobName": "another-merge"}),
        ("AirflowRole", "glue", "delete_table", {"DatabaseName": outputs["AnalyticsDatabase"], "Name": target}),
        ("AirflowRole", "glue", "update_table", {**table, "DatabaseName": outputs["LakeDatabase"]}),
        ("AirflowRole", "glue", "update_job", {"JobName": outputs["MergeJob"], "JobUpdate": {"Role": slug}}),
        ("AirflowRole", "kms", "decrypt", {"CiphertextBlob": b"x" * 64, "KeyId": outputs["KeyArn"]}),
        ("ReaderRole", "dynamodb", "scan", {"TableName": main}),
        ("ReaderRole", "s3", "get_object", {"Bucket": one.bucket, "Key": "state/coverage.json"}),
        ("ReaderRole", "s3", "put_object", {**put, "Key": f"warehouse/{target}/x"}),
        ("ReaderRole", "glue", "get_table", {"DatabaseName": outputs["LakeDatabase"], "Name": target}),
        ("ReaderRole", "glue", "update_table", table),
        ("ReaderRole", "glue", "start_job_run", {"JobName": outputs["MergeJob"]}),
    ]


def test_what_a_role_must_not_do_is_refused(campaign: LocalPipeline) -> None:
    clients = {actor: client_as(campaign, actor) for actor in ("AirflowRole", "ReaderRole")}
    passed = []
    for actor, service, operation, request in _forbidden(campaign):
        try:
            getattr(clients[actor](service), operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}:
                continue
            passed.append((actor, operation, str(error)))
        else:
            passed.append((actor, operation, "it was done"))
    assert passed == []


def test_removing_a_needed_right_stops_what_needs_it(campaign: LocalPipeline) -> None:
    """The offline evaluation against the real thing, once: without its statement a call that passed is refused."""
    iam, role = campaign.client("iam"), role_of(campaign, "AirflowRole")
    policy = iam.get_role_policy(RoleName=role, PolicyName="bucket")["PolicyDocument"]
    s3 = client_as(campaign, "AirflowRole")("s3")
    s3.get_object(Bucket=campaign.bucket, Key="state/coverage.json")
    right = Right("Read", "s3:GetObject")
    without = [statement for statement in policy["Statement"] if statement["Sid"] != right.sid]
    try:
        document = json.dumps({**policy, "Statement": without})
        iam.put_role_policy(RoleName=role, PolicyName="bucket", PolicyDocument=document)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=campaign.bucket, Key="state/coverage.json")
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="bucket", PolicyDocument=json.dumps(policy))
