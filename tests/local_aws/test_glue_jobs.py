"""A job run executes its script under the job's role, and its outcome is what Glue would say."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.queries import read_rows, run_query
from tests.local_aws.roles import make_role

Client = Callable[..., Any]
CATALOG = "spark.sql.catalog.glue_catalog"
ICEBERG = (
    "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    f" --conf {CATALOG}=org.apache.iceberg.spark.SparkCatalog"
    f" --conf {CATALOG}.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog"
    f" --conf {CATALOG}.io-impl=org.apache.iceberg.aws.s3.S3FileIO"
    f" --conf {CATALOG}.warehouse=s3://jobs/warehouse/"
)


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    client("s3").create_bucket(Bucket="jobs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as library:
        library.writestr("from_library.py", "ANSWER = 42\n")
    client("s3").put_object(Bucket="jobs", Key="code/library.zip", Body=archive.getvalue())
    return make_role(client, "jobs-all", "glue.amazonaws.com", ["s3:*", "glue:*"])


@pytest.fixture
def make_job(client: Client, role: str) -> Callable[..., str]:
    """`make_job(name, script, arguments, **properties)` creates a job with that script."""

    def make(name: str, script: str, arguments: dict[str, str] | None = None, **properties: Any) -> str:
        client("s3").put_object(Bucket="jobs", Key=f"code/{name}.py", Body=script.encode())
        command = {"Name": "glueetl", "ScriptLocation": f"s3://jobs/code/{name}.py"}
        settings: dict[str, Any] = {"Role": role, "GlueVersion": "6.0", "Timeout": 5, **properties}
        client("glue").create_job(Name=name, Command=command, DefaultArguments=arguments or {}, **settings)
        return name

    return make


def wait(
    glue: Any, job: str, run_id: str, until: tuple[str, ...] = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        run: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if run["JobRunState"] in until:
            return run
        time.sleep(0.1)
    raise TimeoutError(f"{job} {run_id}")


def finish(glue: Any, job: str, **arguments: str) -> dict[str, Any]:
    run_id = glue.start_job_run(JobName=job, Arguments={f"--{name}": value for name, value in arguments.items()})[
        "JobRunId"
    ]
    return wait(glue, job, run_id)


def output(client: Client, run: dict[str, Any], kind: str = "output", prefix: str = "/aws-glue/jobs") -> list[str]:
    events = client("logs").get_log_events(logGroupName=f"{prefix}/{kind}", logStreamName=run["Id"])["events"]
    return [event["message"] for event in events]


def test_the_script_gets_merged_arguments_its_library_and_only_its_roles_credentials(
    client: Client, make_job: Any
) -> None:
    script = """
import os, sys, boto3, from_library
print(sys.argv[1:])
print(from_library.ANSWER, os.environ["AWS_ACCESS_KEY_ID"][:4], sorted(n for n in os.environ if n.startswith("AWS_SEC")))
print(boto3.client("sts").get_caller_identity()["Arn"].split("/")[1])
"""
    arguments = {"--kept": "default", "--mode": "default", "--extra-py-files": "s3://jobs/code/library.zip",
                 "--datalake-formats": "iceberg", "--conf": "a=b --conf c=d", "--enable-metrics": "true",
                 "--custom-logGroup-prefix": "/aws-glue/jobs/own"}  # fmt: skip
    job = make_job("arguments", script, arguments, NonOverridableArguments={"--fixed": "job"})
    run = finish(client("glue"), job, mode="run", fixed="run")
    assert run["JobRunState"] == "SUCCEEDED", run
    lines = output(client, run, prefix="/aws-glue/jobs/own")
    expected = [
        "--kept",
        "default",
        "--mode",
        "run",
        "--fixed",
        "job",
        "--JOB_NAME",
        "arguments",
        "--JOB_RUN_ID",
        run["Id"],
    ]
    assert lines == [str(expected), "42 ASIA ['AWS_SECRET_ACCESS_KEY']", "jobs-all"]
    assert run["Id"].startswith("jr_")
    assert run["Arguments"] == {"--mode": "run", "--fixed": "run"}
    assert run["StartedOn"] <= run["CompletedOn"]


def test_a_failed_run_says_its_last_exception_and_is_tried_again(client: Client, make_job: Any) -> None:
    script = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('no such batch: b1')\n"
    job = make_job("failing", script, MaxRetries=1)
    run = finish(client("glue"), job)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "ValueError: no such batch: b1")
    again = wait(client("glue"), job, f"{run['Id']}_attempt_1")
    assert (again["Attempt"], again["PreviousRunId"], again["JobRunState"]) == (1, run["Id"], "FAILED")
    assert output(client, run, "error")[0] == "Traceback (most recent call last):"


def test_the_end_of_a_run_is_told_to_the_rules_that_ask_for_it(client: Client, make_job: Any) -> None:
    job, events, sns, sqs = (
        make_job("told", "raise ValueError('lost')\n"),
        client("events"),
        client("sns"),
        client("sqs"),
    )
    topic = sns.create_topic(Name="told")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    pattern = {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {"jobName": [job], "state": ["FAILED"]},
    }
    events.put_rule(Name="told", EventPattern=json.dumps(pattern))
    paths = {"run": "$.detail.jobRunId", "state": "$.detail.state", "message": "$.detail.message"}
    words = {"InputPathsMap": paths, "InputTemplate": '"<run>: <state>. <message>"'}
    events.put_targets(Rule="told", Targets=[{"Id": "topic", "Arn": topic, "InputTransformer": words}])
    run = finish(client("glue"), job)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert message["Body"].strip('"') == f"{run['Id']}: FAILED. ValueError: lost"


def test_concurrency_is_bounded_and_a_stopped_run_is_gone(client: Client, make_job: Any) -> None:
    glue, job = client("glue"), make_job("sleeping", "import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    run_id = glue.start_job_run(JobName=job)["JobRunId"]
    wait(glue, job, run_id, ("RUNNING",))
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        glue.start_job_run(JobName=job)
    answer = glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id, "jr_unknown"])
    assert [one["JobRunId"] for one in answer["SuccessfulSubmissions"]] == [run_id]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert wait(glue, job, run_id)["JobRunState"] == "STOPPED"
    second = glue.start_job_run(JobName=job)["JobRunId"]
    glue.batch_stop_job_run(JobName=job, JobRunIds=[second])
    assert wait(glue, job, second)["JobRunState"] == "STOPPED"
    pages = [glue.get_job_runs(JobName=job, MaxResults=1)]
    pages.append(glue.get_job_runs(JobName=job, MaxResults=1, NextToken=pages[0]["NextToken"]))
    assert [page["JobRuns"][0]["Id"] for page in pages] == [second, run_id]


@pytest.mark.parametrize(
    ("trusted", "actions", "error"),
    [("glue.amazonaws.com", ["glue:*"], "403"), ("lambda.amazonaws.com", ["s3:*"], "trust policy")],
)
def test_a_role_that_cannot_read_the_script_or_does_not_trust_glue_fails_the_run(
    client: Client, make_job: Any, trusted: str, actions: list[str], error: str
) -> None:
    role = make_role(client, f"jobs-bad-{trusted[:4]}", trusted, actions)
    run = finish(client("glue"), make_job(f"bad-{trusted[:4]}", "print(1)", Role=role))
    assert run["JobRunState"] == "FAILED"
    assert error in run["ErrorMessage"]


def test_unknown_jobs_and_runs_are_named(client: Client, make_job: Any) -> None:
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        client("glue").start_job_run(JobName="nowhere")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        client("glue").get_job_run(JobName=make_job("never-run", "print(1)"), RunId="jr_unknown")


@pytest.mark.spark
def test_spark_writes_iceberg_that_athena_reads(client: Client, make_job: Any) -> None:
    script = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.conf.get("spark.sql.ansi.enabled"), spark.conf.get("spark.sql.session.timeZone"))
spark.sql("CREATE TABLE glue_catalog.spark_made.small (id bigint, n bigint, at timestamp_ntz, d decimal(18,6)) USING iceberg "
          "PARTITIONED BY (days(at)) LOCATION 's3://jobs/warehouse/small'")
spark.sql("INSERT INTO glue_catalog.spark_made.small VALUES (1, null, timestamp_ntz'2026-11-24 01:02:03.5', 1.5), (2, 3, null, null)")
spark.sql("MERGE INTO glue_catalog.spark_made.small t USING (SELECT 2L id, 7L n UNION ALL SELECT 9L, -1L) s ON t.id = s.id "
          "WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)")
print(spark.read.text("s3://jobs/code/spark-writes.py").count() > 5)
"""
    client("glue").create_database(DatabaseInput={"Name": "spark_made"})
    job = make_job("spark-writes", script, {"--datalake-formats": "iceberg", "--conf": ICEBERG})
    run = finish(client("glue"), job)
    assert run["JobRunState"] == "SUCCEEDED", (run, output(client, run, "error"))
    assert output(client, run) == ["true UTC", "True"]
    configuration = {"ResultConfiguration": {"OutputLocation": "s3://jobs/athena/"}}
    client("athena").create_work_group(Name="spark-made", Configuration=configuration)
    execution = run_query(client("athena"), "select * from spark_made.small order by id", workgroup="spark-made")
    assert read_rows(client("athena"), execution)[1:] == [
        ["1", None, "2026-11-24 01:02:03.500000", "1.500000"],
        ["2", "7", None, None],
        ["9", "-1", None, None],
    ]


@pytest.mark.parametrize(("kill", "is_served"), [("before", False), ("after", True)])
def test_a_fault_kills_the_run_that_sends_the_request_before_or_after_it_is_served(
    running: RunningLocalAws, client: Client, make_job: Callable[..., str], kill: str, is_served: bool
) -> None:
    key = f"struck/{kill}"
    script = f"import boto3\nboto3.client('s3').put_object(Bucket='jobs', Key='{key}', Body=b'x')\nprint('alive')\n"
    running.ask("POST", "/_local/faults", {"target": "s3.PUT", "match": key, "kill": kill})
    run = finish(client("glue"), make_job(f"killed-{kill}", script))
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "Job's process was ended by signal 9")
    assert running.ask("GET", "/_local/status")["faults"] == 0
    assert ("Contents" in client("s3").list_objects_v2(Bucket="jobs", Prefix=key)) == is_served
    assert output(client, run) == []
