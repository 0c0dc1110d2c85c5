"""Glue job: apply one batch of DynamoDB changes to the Iceberg tables of a pipeline.

Arguments: ``--batch s3://<bucket>/batches/<id>/manifest.json``, ``--batch_id``, ``--pipeline``, ``--bucket``,
``--output_crawler`` (optional); all others are Glue's own. Catalog and storage come from the launcher's ``--conf``.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pyspark.sql import SparkSession

from glue_scripts.merging.context import Lake, Progress
from glue_scripts.merging.merge import require_filled_mirrors, run_merge
from glue_scripts.storage.change_files import check_change_files
from glue_scripts.storage.crawler import wait_until_ready
from glue_scripts.storage.objects import Bucket, MissingObjectError
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import ChangeFileError, LakeError
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import CATALOG, WAREHOUSE_PREFIX, PipelineNames, report_key

_SESSION = {
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.rdd.compress": "true",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
    "spark.ui.showConsoleProgress": "false",
}


def main(argv: Sequence[str]) -> None:
    """Run one merge; its report is the last object written."""
    arguments = _parse(argv)
    progress = Progress()
    bucket = Bucket(arguments.bucket)
    pipeline = read_declaration(arguments.pipeline)
    manifest = _read_manifest(bucket, arguments.batch)
    started = bucket.present
    with ThreadPoolExecutor(1) as background, progress.phase("start and check files"):
        checked = background.submit(check_change_files, bucket, manifest, pipeline)
        spark = _start_spark(pipeline.name)
        files = checked.result()
    lake = Lake(
        spark,
        pipeline,
        f"{CATALOG}.{PipelineNames(pipeline.name).lake_database}",
        bucket.uri(WAREHOUSE_PREFIX),
    )
    require_filled_mirrors(lake, manifest)
    report = run_merge(
        lake,
        manifest,
        bucket,
        files.sizes,
        progress=progress,
        started=started,
        job_run_id=arguments.JOB_RUN_ID,
        wait_for_crawler=_crawler_wait(arguments.output_crawler),
    )
    report = replace(report, set_aside={**files.set_aside, **report.set_aside}, written=files.written)
    key = report_key(manifest.batch_id)
    bucket.write(key, report.to_json().encode())
    print(f"run {report.run}: {report.rows}, {report.rows_total} rows; report in {bucket.uri(key)}", flush=True)


def describe_error(error: Exception) -> str:
    """The last line of the job's error log, which Glue takes for the run's error: of Java's long texts the beginning."""
    text = str(error) if isinstance(error, LakeError) else " ".join(str(error).splitlines()[:2])
    return f"{type(error).__name__}: {text}"


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--batch", "--batch_id", "--pipeline", "--bucket"):
        parser.add_argument(name, required=True)
    parser.add_argument("--output_crawler", default="")
    parser.add_argument("--JOB_RUN_ID", default=os.environ.get("JOB_RUN_ID", ""))
    return parser.parse_known_args(list(argv))[0]


def _read_manifest(bucket: Bucket, uri: str) -> BatchManifest:
    try:
        return BatchManifest.from_json(bucket.read(bucket.key_of(uri)))
    except MissingObjectError as error:
        raise ChangeFileError(f"The batch manifest {uri} is missing: start the merge through its DAG") from error


def _start_spark(name: str) -> SparkSession:
    builder = SparkSession.builder.appName(f"{name}-merge")
    for key, value in _SESSION.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _crawler_wait(crawler: str) -> Callable[[], None]:
    if not crawler:
        return lambda: None

    def wait() -> None:
        import boto3  # here, not above: only a deployed job has a crawler

        wait_until_ready(boto3.client("glue"), crawler, poll_s=float(os.environ.get("LAKE_POLL_S", "10")))

    return wait


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception as error:
        print(traceback.format_exc(), describe_error(error), sep="\n", file=sys.stderr, flush=True)
        sys.exit(1)
