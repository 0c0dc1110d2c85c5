"""Tell CloudWatch how fresh the lake is: one line per run in the pipeline's log, which it turns into a metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from include.dynamo_lake.windows import parse_instant
from lake_airflow.aws import error_code

NAMESPACE = "DynamoLake/Runs"
METRIC = "LagHours"


def tell_freshness(logs: Any, group: str, extra: Mapping[str, Any]) -> None:
    """Write the announced event with its lag as an embedded metric; the freshness alarm counts the hours without one.

    One log stream per batch: a retry writes the same line again, which changes no maximum.
    """
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=extra["batch_id"])
    except ClientError as error:
        if error_code(error) != "ResourceAlreadyExistsException":
            raise
    at_ms = int(parse_instant(extra["announced_at"]).timestamp() * 1000)
    events = [{"timestamp": at_ms, "message": build_line(extra, at_ms)}]
    logs.put_log_events(logGroupName=group, logStreamName=extra["batch_id"], logEvents=events)


def build_line(extra: Mapping[str, Any], at_ms: int) -> str:
    """The event in CloudWatch's embedded metric format; without a lag (nothing covered yet) it carries no metric."""
    if extra["lag_s"] is None:
        return json.dumps(dict(extra))
    declared = {"Namespace": NAMESPACE, "Dimensions": [["Pipeline"]], "Metrics": [{"Name": METRIC, "Unit": "None"}]}
    stamp = {"Timestamp": at_ms, "CloudWatchMetrics": [declared]}
    return json.dumps({"_aws": stamp, "Pipeline": extra["pipeline"], METRIC: round(extra["lag_s"] / 3600, 3), **extra})
