"""One role per actor, each with the rights of its work and no others."""

from __future__ import annotations

import re

import pytest

from tests.infra.policies import allows, statements_of
from tests.infra.template import ACCOUNT, PARAMETERS, REGION, TEMPLATE_PATH, Rendered

RENDERED = Rendered(PARAMETERS)
ROLES = ("AirflowRole", "SourceCrawlerRole", "OutputCrawlerRole", "GlueJobRole", "CaptureRole", "ReaderRole")
BUCKET = RENDERED.arn_of("Bucket")
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
WORKGROUP = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup"

NEEDED = [
    ("AirflowRole", "dynamodb:ExportTableToPointInTime", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:DescribeExport", f"{TABLE}/Products/export/01"),
    ("AirflowRole", "s3:PutObjectAcl", f"{BUCKET}/exports/orders/x"),
    ("AirflowRole", "s3:AbortMultipartUpload", f"{BUCKET}/exports/orders/x"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/inbox/orders/x"),
    ("AirflowRole", "glue:StartJobRun", f"{GLUE}:job/two-words-merge"),
    ("AirflowRole", "glue:StartCrawler", f"{GLUE}:crawler/two-words-source-lookup"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("AirflowRole", "athena:StartQueryExecution", f"{WORKGROUP}/two-words"),
    ("AirflowRole", "sqs:ReceiveMessage", f"{QUEUE}:two-words-wake-up"),
    ("SourceCrawlerRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("OutputCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("GlueJobRole", "s3:DeleteObject", f"{BUCKET}/warehouse/rows/x"),
    ("GlueJobRole", "s3:PutObject", f"{BUCKET}/runs/b/report.json"),
    ("GlueJobRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("GlueJobRole", "glue:GetCrawler", f"{GLUE}:crawler/two-words-output"),
    ("CaptureRole", "dynamodb:GetRecords", PARAMETERS["MainStreamArn"]),
    ("CaptureRole", "dynamodb:GetRecords", PARAMETERS["LookupStreamArn"]),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/rejected/orders/x"),
    ("CaptureRole", "sqs:SendMessage", f"{QUEUE}:two-words-wake-up"),
    ("CaptureRole", "sqs:SendMessage", f"{QUEUE}:two-words-capture-failed"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/warehouse/rows/x"),
    ("ReaderRole", "glue:GetTable", f"{GLUE}:table/two_words_analytics/rows"),
]

FORBIDDEN = [
    ("AirflowRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:PutItem", f"{TABLE}/Orders"),
    ("AirflowRole", "dynamodb:ExportTableToPointInTime", f"{TABLE}/Other"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("AirflowRole", "s3:PutObject", f"{BUCKET}/code/x"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/exports/x"),
    ("AirflowRole", "s3:DeleteObject", f"{BUCKET}/state/coverage.json"),
    ("AirflowRole", "glue:StartJobRun", f"{GLUE}:job/other-merge"),
    ("AirflowRole", "glue:UpdateJob", f"{GLUE}:job/two-words-merge"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("AirflowRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/other"),
    ("AirflowRole", "athena:StartQueryExecution", f"{WORKGROUP}/primary"),
    ("AirflowRole", "sqs:DeleteMessage", f"{QUEUE}:two-words-capture-failed"),
    ("AirflowRole", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/two-words-glue-job-{REGION}"),
    ("SourceCrawlerRole", "dynamodb:Scan", f"{TABLE}/Other"),
    ("SourceCrawlerRole", "s3:GetObject", f"{BUCKET}/warehouse/rows/x"),
    ("SourceCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("OutputCrawlerRole", "s3:GetObject", f"{BUCKET}/warehouse/mirror_orders/x"),
    ("OutputCrawlerRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("OutputCrawlerRole", "glue:UpdateTable", f"{GLUE}:table/two_words_lake/rows"),
    ("GlueJobRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
    ("GlueJobRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("GlueJobRole", "s3:DeleteObject", f"{BUCKET}/exports/x"),
    ("GlueJobRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("GlueJobRole", "glue:DeleteTable", f"{GLUE}:table/two_words_lake/rows"),
    ("CaptureRole", "dynamodb:GetRecords", f"{TABLE}/Orders/stream/2020-01-01T00:00:00.000"),
    ("CaptureRole", "dynamodb:Scan", f"{TABLE}/Orders"),
    ("CaptureRole", "s3:PutObject", f"{BUCKET}/state/coverage.json"),
    ("CaptureRole", "s3:GetObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "s3:DeleteObject", f"{BUCKET}/inbox/orders/x"),
    ("CaptureRole", "sqs:ReceiveMessage", f"{QUEUE}:two-words-wake-up"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/warehouse/mirror_orders/x"),
    ("ReaderRole", "s3:GetObject", f"{BUCKET}/exports/x"),
    ("ReaderRole", "s3:PutObject", f"{BUCKET}/warehouse/rows/x"),
    ("ReaderRole", "glue:GetTable", f"{GLUE}:table/two_words_lake/rows"),
    ("ReaderRole", "glue:UpdateTable", f"{GLUE}:table/two_words_analytics/rows"),
]


@pytest.mark.parametrize(("role", "action", "arn"), NEEDED)
def test_a_role_may_do_its_work(role: str, action: str, arn: str) -> None:
    assert allows(RENDERED, role, action, arn)


@pytest.mark.parametrize(("role", "action", "arn"), FORBIDDEN)
def test_a_role_may_do_no_others_work(role: str, action: str, arn: str) -> None:
    assert not allows(RENDERED, role, action, arn)


@pytest.mark.parametrize("role", ROLES)
def test_every_right_names_its_action_and_resource(role: str) -> None:
    for statement in statements_of(RENDERED, role):
        assert statement["Effect"] == "Allow"
        assert [action for action in statement["Action"] if "*" in action] == []
        assert "*" not in statement["Resource"]


@pytest.mark.parametrize("role", ROLES)
def test_the_key_serves_through_s3_only(role: str) -> None:
    for statement in statements_of(RENDERED, role):
        if any(action.startswith("kms:") for action in statement["Action"]):
            assert statement["Resource"] == [RENDERED.arn_of("Key")]
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]
            assert via == f"s3.{REGION}.amazonaws.com"


def test_every_wildcard_resource_gives_its_reason() -> None:
    lines = TEMPLATE_PATH.read_text().splitlines()
    wildcards = [number for number, line in enumerate(lines) if re.fullmatch(r'\s*Resource: "\*"', line)]
    in_key_policy = [n for n in wildcards if any("KeyPolicy:" in line for line in lines[n - 30 : n])]
    bare = [n + 1 for n in wildcards if n not in in_key_policy and not lines[n - 1].strip().startswith("#")]
    assert bare == []
    assert len(in_key_policy) == 3


def test_each_service_role_is_for_its_service_and_each_other_for_its_principal() -> None:
    trusted = {
        name: properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        for name, properties in RENDERED.of_type("AWS::IAM::Role").items()
    }
    glue = {"Service": "glue.amazonaws.com"}
    assert trusted == {
        "AirflowRole": {"AWS": PARAMETERS["AirflowPrincipal"]},
        "SourceCrawlerRole": glue,
        "OutputCrawlerRole": glue,
        "GlueJobRole": glue,
        "CaptureRole": {"Service": "lambda.amazonaws.com"},
        "ReaderRole": {"AWS": PARAMETERS["ReaderPrincipal"]},
    }
