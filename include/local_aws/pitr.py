"""Point-in-time recovery: `UpdateContinuousBackups`, `DescribeContinuousBackups`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from include.local_aws.base_tables import BaseTable, find_table
from include.local_aws.calls import AwsError, Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

_TARGET = "DynamoDB_20120810."
DEFAULT_RECOVERY_DAYS = 35


@dataclass(frozen=True)
class Protection:
    """One table's PITR, switched on at `enabled_at`, reaching back at most `recovery_days`."""

    enabled_at: datetime
    recovery_days: int = DEFAULT_RECOVERY_DAYS

    def earliest(self, now: datetime) -> datetime:
        return max(self.enabled_at, now - timedelta(days=self.recovery_days))


class Pitr:
    """PITR of all tables, by table id: a table made anew starts without."""

    def __init__(self) -> None:
        self._by_table_id: dict[str, Protection] = {}
        self.lag_s: float = 0.0

    def protection(self, table_id: str) -> Protection | None:
        return self._by_table_id.get(table_id)

    def enable(self, table_id: str, now: datetime, recovery_days: int | None) -> None:
        """Switch on, or change the period of one that is on: its earliest time stays, but what a shorter one drops is gone."""
        present = self._by_table_id.get(table_id) or Protection(now)
        days = recovery_days if recovery_days is not None else present.recovery_days
        kept = replace(present, recovery_days=days)
        self._by_table_id[table_id] = replace(kept, enabled_at=kept.earliest(now))

    def disable(self, table_id: str) -> None:
        self._by_table_id.pop(table_id, None)

    def latest(self, now: datetime) -> datetime:
        """`LatestRestorableDateTime`: the local present, less the lag that a test set."""
        return now - timedelta(seconds=self.lag_s)


def table_of(call: Call, aws: LocalAws, iam_action: str) -> BaseTable:
    """The call's table, authorized. Raises TableNotFoundException."""
    name = str(call.body.get("TableName", ""))
    short = name.rpartition("table/")[2]
    aws.authorize(call, iam_action, f"arn:aws:dynamodb:{call.region}:{call.account}:table/{short}")
    table = find_table(call.account, call.region, short)
    if table is None:
        raise AwsError("TableNotFoundException", f"Table not found: {name}")
    return table


async def update_continuous_backups(call: Call, aws: LocalAws) -> Json:
    table = table_of(call, aws, "dynamodb:UpdateContinuousBackups")
    specification = call.body.get("PointInTimeRecoverySpecification")
    if specification is None or "PointInTimeRecoveryEnabled" not in specification:
        raise AwsError("ValidationException", "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled is required")
    days = specification.get("RecoveryPeriodInDays")
    if days is not None and not 1 <= int(days) <= DEFAULT_RECOVERY_DAYS:
        raise AwsError("ValidationException", f"RecoveryPeriodInDays must be between 1 and 35, not {days}")
    if specification["PointInTimeRecoveryEnabled"]:
        aws.pitr.enable(table.table_id, aws.clock.now(), days)
    elif days is not None:
        raise AwsError("ValidationException", "RecoveryPeriodInDays can only be given when PITR is enabled")
    else:
        aws.pitr.disable(table.table_id)
    return {"ContinuousBackupsDescription": describe(aws, table)}


async def describe_continuous_backups(call: Call, aws: LocalAws) -> Json:
    return {"ContinuousBackupsDescription": describe(aws, table_of(call, aws, "dynamodb:DescribeContinuousBackups"))}


def describe(aws: LocalAws, table: BaseTable) -> Json:
    """`ContinuousBackupsDescription` of a table."""
    protection = aws.pitr.protection(table.table_id)
    recovery: Json = {"PointInTimeRecoveryStatus": "DISABLED"}
    if protection is not None:
        now = aws.clock.now()
        recovery = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": protection.recovery_days,
            "EarliestRestorableDateTime": protection.earliest(now).timestamp(),
            "LatestRestorableDateTime": aws.pitr.latest(now).timestamp(),
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}


HANDLERS: dict[str, Handler] = {
    _TARGET + "UpdateContinuousBackups": update_continuous_backups,
    _TARGET + "DescribeContinuousBackups": describe_continuous_backups,
}
