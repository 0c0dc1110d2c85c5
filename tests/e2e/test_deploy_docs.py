"""The calls of docs/deploy.md that a reader makes, over a lake that has rows: the first rows, and a look at an older snapshot."""

from __future__ import annotations

import re
import time
from typing import Any

import boto3
import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.infra.aws_cli import run
from tests.infra.deploy_docs import AS_READER, in_account

pytestmark = pytest.mark.spark

QUERY_ID, INSTANT = "00000000-0000-0000-0000-000000000000", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC')")
CEILING_S = 60.0


@pytest.fixture(scope="module")
def published(campaign: LocalPipeline) -> LocalPipeline:
    """The shipped pipeline with rows, also where this file runs alone."""
    tables = campaign.client("glue").get_tables(DatabaseName=campaign.names.analytics_database)["TableList"]
    if not tables:
        item = {"userID": {"S": "u1"}, "campaignID": {"S": "c1"}, "createdAt": {"S": "2026-11-01T10:00:00Z"}}
        entries = {"L": [{"M": {"taskID": {"S": "t1"}}}]}
        campaign.client("dynamodb").put_item(
            TableName=campaign.pipeline.main.table, Item={**item, "progressDetails": entries}
        )
        assert campaign.run("bootstrap")
    return campaign


def _ended(athena: Any, query: str) -> str:
    """Id of a query that has succeeded."""
    deadline = time.monotonic() + CEILING_S
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            assert status["State"] == "SUCCEEDED", status
            return query
        assert time.monotonic() < deadline, "the query does not end"
        time.sleep(0.1)


def test_a_reader_gets_rows_by_the_documents_calls(published: LocalPipeline) -> None:
    account = published.client("sts").get_caller_identity()["Account"]
    session = boto3.Session(region_name=published.client("s3").meta.region_name)
    query, answers = "", {}
    for command in AS_READER:
        words = [INSTANT.sub(f"{published.now():%Y-%m-%d %H:%M:%S}", word) for word in in_account(command, account)]
        answer = run(session, [word.replace(QUERY_ID, query) for word in words])
        if "Credentials" in answer:
            keys = answer["Credentials"]
            session = boto3.Session(
                keys["AccessKeyId"],
                keys["SecretAccessKey"],
                keys["SessionToken"],
                region_name=session.region_name,
            )
        elif "QueryExecutionId" in answer:
            query = _ended(session.client("athena"), answer["QueryExecutionId"])
            answers[query] = session.client("athena").get_query_results(QueryExecutionId=query)
        else:
            answers[query] = answer
    assert len(answers) == 2, "the present rows and the older ones"
    assert all(len(answer["ResultSet"]["Rows"]) > 1 for answer in answers.values())
