"""Counts and ages as embedded metrics: one JSON line in the log, which CloudWatch turns into metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

NAMESPACE = "DynamoLake/Capture"
_UNITS = {"FileBytes": "Bytes"}
_DIMENSIONS = [["Pipeline"], ["Pipeline", "Source"]]


def build_metrics(
    pipeline: str, source: str, counts: Mapping[str, int], oldest_age_s: float | None, now: datetime
) -> str:
    """The log line. ``oldest_age_s`` is None where no record tells its time."""
    values: dict[str, float] = dict(counts)
    units = {name: _UNITS.get(name, "Count") for name in counts}
    if oldest_age_s is not None:
        values["OldestRecordAge"] = max(oldest_age_s, 0.0)
        units["OldestRecordAge"] = "Seconds"
    declared = {
        "Namespace": NAMESPACE,
        "Dimensions": _DIMENSIONS,
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    stamp = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [declared]}
    return json.dumps({"_aws": stamp, "Pipeline": pipeline, "Source": source, **values})
