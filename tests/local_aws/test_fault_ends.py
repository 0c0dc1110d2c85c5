"""A fault decides how a job run or a query ends that a request starts, as AWS tells such an end; or no answer comes at all."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.queries import run_query
from tests.local_aws.roles import make_role

Client = Callable[..., Any]
JOB, BUCKET, CEILING_S = "ending", "ending", 60
RESULTS = {"OutputLocation": f"s3://{BUCKET}/athena/"}


@pytest.fixture(scope="module")
def glue(client: Client) -> Any:
    """Glue, with a job that leaves an object."""
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    script = f"import sys, boto3\nboto3.client('s3').put_object(Bucket='{BUCKET}', Key=sys.argv[sys.argv.index('--mark') + 1])"
    client("s3").put_object(Bucket=BUCKET, Key="code.py", Body=script.encode())
    role = make_role(client, "ending", "glue.amazonaws.com", ["s3:*"])
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/code.py"}
    client("glue").create_job(Name=JOB, Command=command, Role=role, GlueVersion="6.0", Timeout=5)
    return client("glue")


def arm(running: RunningLocalAws, **fault: Any) -> None:
    running.ask("POST", "/_local/faults", fault)


def start(glue: Any, mark: str) -> str:
    run_id: str = glue.start_job_run(JobName=JOB, Arguments={"--mark": mark})["JobRunId"]
    return run_id


def wait(glue: Any, run_id: str, *left: str) -> dict[str, Any]:
    """The run once it is in none of these states."""
    deadline = time.monotonic() + CEILING_S
    while time.monotonic() < deadline:
        run: dict[str, Any] = glue.get_job_run(JobName=JOB, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in left:
            return run
        time.sleep(0.1)
    raise TimeoutError(run_id)


def ended(glue: Any, run_id: str) -> dict[str, Any]:
    return wait(glue, run_id, "STARTING", "WAITING", "RUNNING", "STOPPING")


def is_marked(client: Client, mark: str) -> bool:
    return bool(client("s3").list_objects_v2(Bucket=BUCKET, Prefix=mark)["KeyCount"])


@pytest.mark.parametrize("state", ["FAILED", "ERROR", "TIMEOUT"])
def test_a_run_does_its_work_and_ends_as_told(running: RunningLocalAws, client: Client, glue: Any, state: str) -> None:
    arm(running, target="AWSGlue.StartJobRun", match=f"mark-{state}", ends=state, message="as AWS says it")
    assert ended(glue, start(glue, "unmatched"))["JobRunState"] == "SUCCEEDED"
    struck = ended(glue, start(glue, f"mark-{state}"))
    assert (struck["JobRunState"], struck["ErrorMessage"]) == (state, "as AWS says it")
    assert struck["CompletedOn"] >= struck["StartedOn"]
    assert is_marked(client, f"mark-{state}")
    assert ended(glue, start(glue, f"mark-{state}-again"))["JobRunState"] == "SUCCEEDED"


def test_a_run_that_waits_holds_the_job_and_then_begins_or_expires(
    running: RunningLocalAws, client: Client, glue: Any
) -> None:
    arm(running, target="AWSGlue.StartJobRun", waits_s=1)
    begun = start(glue, "begun")
    assert wait(glue, begun, "STARTING")["JobRunState"] == "WAITING"
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        start(glue, "meanwhile")
    assert ended(glue, begun)["JobRunState"] == "SUCCEEDED"
    arm(running, target="AWSGlue.StartJobRun", waits_s=0.5, ends="EXPIRED", message="no capacity")
    expired = ended(glue, start(glue, "expired"))
    assert (expired["JobRunState"], expired["ErrorMessage"]) == ("EXPIRED", "no capacity")
    assert not is_marked(client, "expired")


def test_a_run_that_waits_can_be_stopped(running: RunningLocalAws, client: Client, glue: Any) -> None:
    arm(running, target="AWSGlue.StartJobRun", waits_s=CEILING_S)
    run_id = start(glue, "stopped")
    wait(glue, run_id, "STARTING")
    glue.batch_stop_job_run(JobName=JOB, JobRunIds=[run_id])
    assert ended(glue, run_id)["JobRunState"] == "STOPPED"
    assert not is_marked(client, "stopped")


def test_a_query_fails_as_athena_tells_it(running: RunningLocalAws, client: Client, glue: Any) -> None:
    client("athena").create_work_group(Name="ending", Configuration={"ResultConfiguration": RESULTS})
    fault = {"target": "AmazonAthena.StartQueryExecution", "match": "SELECT 41", "ends": "FAILED"}
    arm(running, **fault, code="INTERNAL_ERROR_QUERY_ENGINE", message="Please try again")
    assert run_query(client("athena"), "SELECT 40 AS n", workgroup="ending")["Status"]["State"] == "SUCCEEDED"
    status = run_query(client("athena"), "SELECT 41 AS n", workgroup="ending")["Status"]
    reason = "INTERNAL_ERROR_QUERY_ENGINE: Please try again"
    assert (status["State"], status["StateChangeReason"]) == ("FAILED", reason)
    assert status["AthenaError"] == {"ErrorCategory": 1, "ErrorType": 100, "Retryable": True, "ErrorMessage": reason}
    assert run_query(client("athena"), "SELECT 41 AS n", workgroup="ending")["Status"]["State"] == "SUCCEEDED"


def test_a_query_is_queued_as_long_as_told(running: RunningLocalAws, client: Client, glue: Any) -> None:
    athena, begun = client("athena"), time.monotonic()
    arm(running, target="AmazonAthena.StartQueryExecution", match="SELECT 43", waits_s=1)
    query = athena.start_query_execution(QueryString="SELECT 43 AS n", ResultConfiguration=RESULTS)["QueryExecutionId"]
    seen = []
    while not seen or seen[-1] in {"QUEUED", "RUNNING"}:
        seen.append(athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]["State"])
    assert (seen[0], seen[-1]) == ("QUEUED", "SUCCEEDED")
    assert time.monotonic() - begun > 1


@pytest.mark.parametrize(("lost", "is_served"), [("request", False), ("answer", True)])
def test_no_answer_comes_whether_the_request_was_served_or_not(
    running: RunningLocalAws, client: Client, glue: Any, lost: str, is_served: bool
) -> None:
    """S3 and DynamoDB are the base's, Glue is local AWS's own."""
    name, s3, dynamodb = f"lost-{lost}", client("s3"), client("dynamodb")
    attribute = {"AttributeName": "id"}
    table = {
        "KeySchema": [attribute | {"KeyType": "HASH"}],
        "AttributeDefinitions": [attribute | {"AttributeType": "S"}],
    }
    calls = {
        "s3.PUT": lambda: s3.put_object(Bucket=BUCKET, Key=name, Body=b"x" * 100_000),
        "DynamoDB_20120810.CreateTable": lambda: dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", **table
        ),
        "AWSGlue.CreateDatabase": lambda: glue.create_database(DatabaseInput={"Name": name}),
    }
    for target, call in calls.items():
        arm(running, target=target, lost=lost)
        with pytest.raises(HTTPClientError):
            call()
    assert is_marked(client, name) == is_served
    assert (name in dynamodb.list_tables()["TableNames"]) == is_served
    assert (name in [one["Name"] for one in glue.get_databases()["DatabaseList"]]) == is_served
    assert running.ask("GET", "/_local/status")["faults"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"target": "AWSGlue.StartJobRun", "ends": "SUCCEEDED"},
        {"target": "AWSGlue.GetJobRun", "ends": "FAILED"},
        {"target": "AmazonAthena.StartQueryExecution", "ends": "TIMEOUT"},
        {"target": "AmazonAthena.GetQueryExecution", "waits_s": 1},
        {"target": "AWSGlue.GetJobRun", "lost": "everything"},
    ],
)
def test_an_end_that_aws_does_not_know_is_refused(running: RunningLocalAws, fault: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        arm(running, **fault)
    assert running.ask("GET", "/_local/status")["faults"] == 0
