"""Derive the parameters of a pipeline's stack from its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from include.deploy.principals import Principals
from include.deploy.storage import Storage
from include.deploy.tables import TableKey
from include.dynamo_lake.declaration import Pipeline, Source
from include.dynamo_lake.declaration.cron import longest_gap
from include.dynamo_lake.erasure import export_days, noncurrent_days
from include.dynamo_lake.names import PipelineNames

# What a run may take until it announces itself, and the longest time that an alarm may look back over.
RUN_HOURS, WATCHED_HOURS = 2, 168


def build_parameters(
    pipeline: Pipeline,
    principals: Principals,
    code_version: str,
    create_tables: bool,
    stream_arns: Mapping[str, str],
    storage: Storage,
    key_arns: Mapping[str, str],
) -> dict[str, str]:
    """Return the parameters of ``include/infra/pipeline.yaml`` that a declaration and an environment decide.

    ``stream_arns``: by table, of the streams to capture; the main source's alone while the lookup's table is not made yet.
    ``key_arns``: by table, of the tables that are encrypted with a key of their owner's.
    """
    kept = pipeline.retention
    parameters = {
        "Pipeline": pipeline.name,
        "Slug": PipelineNames(pipeline.name).dashed,
        "Target": pipeline.target.table,
        "CreateTables": str(create_tables).lower(),
        "CodeVersion": code_version,
        "AirflowPrincipal": principals.airflow,
        "ReaderPrincipal": principals.reader,
        "ExportRetentionDays": str(export_days(kept.time_travel_days, kept.erase_within_days)),
        "NoncurrentDays": str(noncurrent_days(kept.time_travel_days, kept.erase_within_days)),
        "FreshnessHours": str(freshness_hours(pipeline)),
        **storage_parameters(storage),
        **_source_parameters("Main", pipeline.main),
    }
    if pipeline.lookup_source is not None:
        parameters |= _source_parameters("Lookup", pipeline.lookup_source)
    return parameters | _stream_parameters(pipeline, stream_arns) | _by_role(pipeline, "TableKeyArn", key_arns)


def storage_parameters(storage: Storage) -> dict[str, str]:
    """The parameters that say where the data lies."""
    return {
        "BucketName": storage.bucket,
        "CreateBucket": str(storage.creates_bucket).lower(),
        "CreateDatabases": str(storage.creates_databases).lower(),
        **({"OwnKeyArn": storage.own_key_arn} if storage.own_key_arn else {}),
    }


def freshness_hours(pipeline: Pipeline) -> int:
    """Hours without a fresh run until the alarm: the schedule's longest gap and two, which a run may take.

    0 (no alarm) where no schedule starts runs, or one so rare that CloudWatch's week of evaluation is too short.
    """
    gap = longest_gap(pipeline.schedule.cron)
    if pipeline.schedule.mode == "on_change" or gap is None:
        return 0
    hours = -(-gap // timedelta(hours=1)) + RUN_HOURS
    return hours if hours <= WATCHED_HOURS else 0


def _stream_parameters(pipeline: Pipeline, stream_arns: Mapping[str, str]) -> dict[str, str]:
    """Of the streams that are there; none without the main source's, which the function is made for."""
    if pipeline.main.table not in stream_arns:
        return {}
    return _by_role(pipeline, "StreamArn", stream_arns)


def _by_role(pipeline: Pipeline, suffix: str, arns: Mapping[str, str]) -> dict[str, str]:
    """Parameters of main and lookup source from ARNs by table; one that both tables share is named once."""
    sources = {"Main": pipeline.main, "Lookup": pipeline.lookup_source}
    named: dict[str, str] = {}
    for role, source in sources.items():
        if source is not None and source.table in arns and arns[source.table] not in named.values():
            named[f"{role}{suffix}"] = arns[source.table]
    return named


def table_keys(pipeline: Pipeline) -> tuple[TableKey, ...]:
    """The declared source tables with their keys, the main source first."""
    sources = (pipeline.main, *([pipeline.lookup_source] if pipeline.lookup_source else []))
    return tuple(
        TableKey(source.table, tuple((attribute.name, attribute.type) for attribute in source.key))
        for source in sources
    )


def _source_parameters(role: str, source: Source) -> dict[str, str]:
    parameters = {
        f"{role}TableName": source.table,
        f"{role}HashKey": source.key[0].name,
        f"{role}HashKeyType": source.key[0].type,
    }
    for range_key in source.key[1:]:
        parameters |= {f"{role}RangeKey": range_key.name, f"{role}RangeKeyType": range_key.type}
    return parameters
