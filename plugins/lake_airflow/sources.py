"""The source tables as DynamoDB describes them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from include.dynamo_lake.windows import floor_second
from lake_airflow.aws import error_code, present_of
from lake_airflow.errors import SourceError
from lake_airflow.pipelines import Lake


@dataclass(frozen=True)
class SourceState:
    """How far back and up to when a source can be restored; ``now`` is AWS's present at the answer."""

    source: str
    earliest: datetime
    latest: datetime
    now: datetime


def read_source_states(lake: Lake) -> tuple[SourceState, ...]:
    """Describe every source's point-in-time recovery.

    Raises:
        SourceError: listing every table that is missing or has no point-in-time recovery, with the remedy.
    """
    states: list[SourceState] = []
    problems: list[str] = []
    for source in lake.sources:
        try:
            states.append(_read_state(lake, source.id))
        except SourceError as error:
            problems.append(str(error))
    if problems:
        raise SourceError("\n".join(problems))
    return tuple(states)


def present(states: Iterable[SourceState]) -> datetime:
    """The latest of AWS's presents that were seen."""
    return max(state.now for state in states)


def _read_state(lake: Lake, source_id: str) -> SourceState:
    table = lake.table_name(source_id)
    try:
        answer = lake.clients.dynamodb.describe_continuous_backups(TableName=table)
    except ClientError as error:
        if error_code(error) in {"TableNotFoundException", "ResourceNotFoundException"}:
            raise SourceError(
                f"Table {table} of source {source_id} does not exist: create it, or put the declaration's sources.{source_id}.table "
                "right and deploy again"
            ) from error
        raise
    recovery: Mapping[str, Any] = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED" or "LatestRestorableDateTime" not in recovery:
        raise SourceError(
            f"Table {table} of source {source_id} has no point-in-time recovery: switch it on (aws dynamodb update-continuous-backups "
            f"--table-name {table} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true), then run "
            f"{lake.bootstrap_dag}: what was written without it can only be read whole"
        )
    return SourceState(
        source_id,
        _ceil_second(recovery["EarliestRestorableDateTime"]),
        floor_second(recovery["LatestRestorableDateTime"]),
        present_of(answer),
    )


def _ceil_second(instant: datetime) -> datetime:
    floored = floor_second(instant)
    return (
        floored
        if floored == instant.astimezone(UTC)
        else floor_second(datetime.fromtimestamp(instant.timestamp() + 1, UTC))
    )
