"""Time to live: expired items go by the local clock, seen by streams and exports, and marked as the service's own deletions."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from include.local_aws.base_tables import BaseTable, find_table
from include.local_aws.calls import AwsError, Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

log = logging.getLogger(__name__)

_TARGET = "DynamoDB_20120810."
LOOK_EVERY_S = 0.25
# AWS takes days at most; here a minute of the local clock, so that a test can see an expired item that is still there.
SWEEP_EVERY_S = 60
# A value older than five years is taken for something else than a time.
_OLDEST_S = 5 * 365 * 86400
SERVICE_IDENTITY: Json = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
# Set while an expired item is deleted: whoever watches the write knows whose it is.
expiring: contextvars.ContextVar[bool] = contextvars.ContextVar("expiring", default=False)


class TimeToLive:
    """The attribute by table (account, region, name, id): a table made anew starts without."""

    def __init__(self) -> None:
        self._attributes: dict[tuple[str, str, str, str], str] = {}
        self._swept_s = 0.0

    def attribute(self, account: str, region: str, table: BaseTable) -> str | None:
        return self._attributes.get((account, region, table.name, table.table_id))

    def set(self, account: str, region: str, table: BaseTable, attribute: str | None) -> None:
        place = (account, region, table.name, table.table_id)
        if attribute is None:
            self._attributes.pop(place, None)
        else:
            self._attributes[place] = attribute

    async def run(self, aws: LocalAws) -> None:
        """Sweep whenever a minute of the local clock has passed, until local AWS ends."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = aws.clock.now().timestamp()
            if self._attributes and now_s - self._swept_s >= SWEEP_EVERY_S:
                self._swept_s = now_s
                await self._sweep(aws, now_s)

    async def _sweep(self, aws: LocalAws, now_s: float) -> None:
        for (account, region, name, table_id), attribute in list(self._attributes.items()):
            table = find_table(account, region, name)
            if table is None or table.table_id != table_id:
                del self._attributes[account, region, name, table_id]
                continue
            for key in _expired_keys(table, attribute, now_s):
                await _delete(aws, region, name, key, attribute, now_s)


def _expired_keys(table: BaseTable, attribute: str, now_s: float) -> list[Json]:
    return [
        {name: item[name] for name in table.key_names}
        for items in table.items.values()
        for item in items.values()
        if _is_expired(item.get(attribute), now_s)
    ]


def _is_expired(value: Json | None, now_s: float) -> bool:
    """Only numbers count, as seconds since 1970, and none of more than five years ago."""
    try:
        at_s = Decimal(value["N"]) if value is not None and "N" in value else None
    except InvalidOperation:
        return False
    return at_s is not None and Decimal(now_s - _OLDEST_S) <= at_s < Decimal(now_s)


async def _delete(aws: LocalAws, region: str, table: str, key: Json, attribute: str, now_s: float) -> None:
    """Delete the item unless it was prolonged meanwhile."""
    token = expiring.set(True)
    try:
        await aws.forward(
            _TARGET + "DeleteItem",
            {
                "TableName": table,
                "Key": key,
                "ConditionExpression": "#at < :now",
                "ExpressionAttributeNames": {"#at": attribute},
                "ExpressionAttributeValues": {":now": {"N": str(int(now_s))}},
            },
            region=region,
        )
    except AwsError as error:
        if error.code != "ConditionalCheckFailedException":
            log.exception("the expired item %s of %s was not deleted", key, table)
    finally:
        expiring.reset(token)


def _table_of(call: Call, aws: LocalAws) -> BaseTable:
    name = str(call.body.get("TableName", "")).rpartition("table/")[2]
    arn = f"arn:aws:dynamodb:{call.region}:{call.account}:table/{name}"
    aws.authorize(call, f"dynamodb:{call.action}", arn)
    table = find_table(call.account, call.region, name)
    if table is None:
        raise AwsError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
    return table


async def update_time_to_live(call: Call, aws: LocalAws) -> Json:
    """Switch on or off; AWS refuses what is so already, and another attribute while one is on."""
    table = _table_of(call, aws)
    wanted = call.body.get("TimeToLiveSpecification") or {}
    attribute = wanted.get("AttributeName")
    if not isinstance(attribute, str) or not attribute or not isinstance(wanted.get("Enabled"), bool):
        raise AwsError("ValidationException", "TimeToLiveSpecification needs AttributeName and Enabled")
    present = aws.time_to_live.attribute(call.account, call.region, table)
    if wanted["Enabled"] == (present is not None) and present in (None, attribute):
        state = "enabled" if present else "disabled"
        raise AwsError("ValidationException", f"TimeToLive is already {state}")
    if present not in (None, attribute):
        raise AwsError("ValidationException", f"TimeToLive is active on a different AttributeName: {present}")
    aws.time_to_live.set(call.account, call.region, table, attribute if wanted["Enabled"] else None)
    return {"TimeToLiveSpecification": wanted}


async def describe_time_to_live(call: Call, aws: LocalAws) -> Json:
    attribute = aws.time_to_live.attribute(call.account, call.region, _table_of(call, aws))
    if attribute is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}


HANDLERS: dict[str, Handler] = {
    _TARGET + "UpdateTimeToLive": update_time_to_live,
    _TARGET + "DescribeTimeToLive": describe_time_to_live,
}
