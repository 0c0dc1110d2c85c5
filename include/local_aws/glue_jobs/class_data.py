"""`python -m include.local_aws.glue_jobs.class_data`: make the shared class archive, so that Spark jobs start faster.

Runs one small job the way every job runs (Glue catalog, S3, MERGE) and keeps the classes that it loaded. Does nothing
where the archive is there. A job needs a third less CPU time with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from include.local_aws.glue_jobs.launch import HEAP
from include.local_aws.glue_jobs.spark_home import prepare_spark_home
from include.local_aws.process import ROOT, RunningLocalAws, local_aws

_CEILING_S = 600.0
_CATALOG = "spark.sql.catalog.glue_catalog"
_SETTINGS = " --conf ".join([
    "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    f"{_CATALOG}=org.apache.iceberg.spark.SparkCatalog",
    f"{_CATALOG}.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog",
    f"{_CATALOG}.io-impl=org.apache.iceberg.aws.s3.S3FileIO",
    f"{_CATALOG}.warehouse=s3://warm-up/warehouse/",
])
_SCRIPT = Path(__file__).with_name("warm_up_job.py")
_TRUST = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
_RIGHTS = {"Effect": "Allow", "Action": ["s3:*", "glue:*"], "Resource": "*"}


def make_archive(spark_python: Path, jars: Path) -> bool:
    """Make the archive; returns whether there is one now."""
    home = prepare_spark_home(spark_python, jars, HEAP)
    archive = home / "classes.jsa"
    if archive.exists():
        return True
    shutil.rmtree(home / "making", ignore_errors=True)  # left by a run that was killed
    if _java_shares_classes():
        os.environ["LOCAL_AWS_MAKE_ARCHIVE"] = "1"
    with tempfile.TemporaryDirectory() as folder, local_aws(Path(folder)) as running:
        _run_job(running)
        _wait(lambda: archive.exists() or not (home / "making").exists())
    return archive.exists()


def _java_shares_classes() -> bool:
    """Whether Java has the archive of its own classes: without it a JVM that shall make another does not start."""
    java = str(Path(os.environ["JAVA_HOME"]) / "bin" / "java") if os.environ.get("JAVA_HOME") else "java"
    return subprocess.run([java, "-Xshare:on", "-version"], capture_output=True, check=False).returncode == 0


def _run_job(running: RunningLocalAws) -> None:
    s3, iam, glue = (_client(running, name) for name in ("s3", "iam", "glue"))
    place = {"LocationConstraint": running.environment["AWS_REGION"]}
    s3.create_bucket(Bucket="warm-up", CreateBucketConfiguration=place)
    s3.upload_file(str(_SCRIPT), "warm-up", "job.py")
    role = iam.create_role(RoleName="warm-up", AssumeRolePolicyDocument=_policy(_TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="warm-up", PolicyName="all", PolicyDocument=_policy(_RIGHTS))
    glue.create_database(DatabaseInput={"Name": "warm_up"})
    command = {"Name": "glueetl", "ScriptLocation": "s3://warm-up/job.py"}
    arguments = {"--datalake-formats": "iceberg", "--conf": _SETTINGS}
    glue.create_job(Name="warm-up", Role=role, GlueVersion="6.0", Command=command, DefaultArguments=arguments)
    run_id = glue.start_job_run(JobName="warm-up")["JobRunId"]
    run: dict[str, Any] = {}

    def is_over() -> bool:
        run.update(glue.get_job_run(JobName="warm-up", RunId=run_id)["JobRun"])
        return run["JobRunState"] not in ("STARTING", "RUNNING")

    _wait(is_over)
    if run["JobRunState"] != "SUCCEEDED":
        raise SystemExit(f"the warm-up job ended {run['JobRunState']}: {run.get('ErrorMessage')}")


def _client(running: RunningLocalAws, service: str) -> Any:
    env = running.environment
    return boto3.client(
        service,
        endpoint_url=running.endpoint_url,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _wait(is_over: Any) -> None:
    deadline = time.monotonic() + _CEILING_S
    while not is_over():
        if time.monotonic() > deadline:
            raise SystemExit(f"the warm-up did not end within {_CEILING_S:.0f} seconds")
        time.sleep(0.5)


if __name__ == "__main__":
    local = ROOT / ".local"
    done = make_archive(local / "envs" / "airflow" / "bin" / "python", local / "jars")
    print(
        "Spark's shared classes are ready" if done else "no shared classes could be made: jobs start slower",
        file=sys.stderr,
    )
