"""Tell CloudWatch of runs: lines in the pipeline's log, of which it makes metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from include.dynamo_lake.windows import parse_instant
from lake_airflow.aws import error_code, present_of
from lake_airflow.pipelines import Lake, read_lake

NAMESPACE = "DynamoLake/Runs"
LAG_HOURS = "LagHours"
TO_LOOK_AT = "RunsToLookAt"


def tell_freshness(lake: Lake, extra: Mapping[str, Any]) -> None:
    """Write the announced event with its lag as a metric; the freshness alarm counts the hours without one.

    Without a lag (nothing covered yet) it carries no metric. A retry writes the same line again, which changes no maximum.
    """
    lag_s = extra["lag_s"]
    metrics = {} if lag_s is None else {LAG_HOURS: round(lag_s / 3600, 3)}
    _tell(lake, extra["batch_id"], extra, metrics, parse_instant(extra["announced_at"]))


def tell_to_look_at(lake: Lake, context: Mapping[str, Any], **told: Any) -> None:
    """Count a run that somebody has to look at, with what there is to see: an alarm tells of the first one."""
    now = present_of(lake.clients.s3.head_bucket(Bucket=lake.bucket))
    dag_id = context["dag"].dag_id
    _tell(lake, dag_id, {"dag_id": dag_id, "run_id": context["run_id"], **told}, {TO_LOOK_AT: 1}, now)


def tell_failure(context: Mapping[str, Any], pipeline: str) -> None:
    """Callback of a task that failed for good."""
    tell_to_look_at(read_lake(pipeline), context, failed_task=context["ti"].task_id)


def _tell(lake: Lake, stream: str, told: Mapping[str, Any], metrics: Mapping[str, float], at: datetime) -> None:
    """Write one line in CloudWatch's embedded metric format."""
    logs, group = lake.clients.logs, lake.settings.run_log
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
    at_ms = int(at.timestamp() * 1000)
    line = {"Pipeline": lake.pipeline.name, **metrics, **told}
    if metrics:
        named = [{"Name": name, "Unit": "None"} for name in metrics]
        declared = {"Namespace": NAMESPACE, "Dimensions": [["Pipeline"]], "Metrics": named}
        line["_aws"] = {"Timestamp": at_ms, "CloudWatchMetrics": [declared]}
    events = [{"timestamp": at_ms, "message": json.dumps(line)}]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
