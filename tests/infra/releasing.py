"""Releases of the shipped pipeline to an environment whose MWAA is a double."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from include.deploy.environments import Environment
from include.deploy.release import Release
from include.dynamo_lake.declaration import pipeline_names
from include.dynamo_lake.names import PipelineNames
from tests.infra.mwaa_double import MwaaDouble, installed

NAME = pipeline_names()[0]
NAMES = PipelineNames(NAME)
HOURLY, BOOTSTRAP = NAMES.dag_id("hourly"), NAMES.dag_id("bootstrap")
ON_CHANGE, RECONCILE = NAMES.dag_id("on_change"), NAMES.dag_id("reconcile")
PAUSED = {BOOTSTRAP: True, HOURLY: False, ON_CHANGE: False, RECONCILE: True}
LOCAL = Environment("local", "eu-central-1", "000000000000", pipelines=(NAME,))
WITH_MWAA = replace(LOCAL, name="test", mwaa="analytics", reader_principal="arn:aws:iam::000000000000:role/analysts")
MWAA_BUCKET = "mwaa-environment-bucket"


@contextmanager
def mwaa(session: boto3.Session, bucket: str = MWAA_BUCKET, **state: Any) -> Iterator[MwaaDouble]:
    """An environment with its bucket, while the block runs; ``state`` are fields of the double."""
    s3 = session.client("s3")
    if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with installed(MwaaDouble(bucket, s3=s3, **{"paused": dict(PAUSED), **state})) as double:
        yield double


def release(
    session: boto3.Session, checkout: Path, environment: Environment = WITH_MWAA, *, dry_run: bool = False
) -> list[str]:
    """Deploy the environment, and return what the deployment said."""
    lines: list[str] = []
    Release(checkout, environment, session, session, lines.append, lambda _: None).run(dry_run=dry_run)
    return lines


def keys(session: boto3.Session, prefix: str) -> set[str]:
    """Keys of the objects in the environment's bucket."""
    listed = session.client("s3").list_objects_v2(Bucket=MWAA_BUCKET, Prefix=prefix).get("Contents", [])
    return {entry["Key"] for entry in listed}
