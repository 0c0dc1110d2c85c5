"""`GetRecords` with the local clock: the base's stream records carry the machine's time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json
from include.local_aws.stream_mapping.model import STREAM_HOURS

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


async def get_records(call: Call, aws: LocalAws) -> Json:
    """The base's records with each write's local second, rounded down as AWS does; a stream keeps them for a day."""
    answer = await aws.forward(call.target, call.body, identity=call.identity)
    delivered = [aws.capture.as_delivered(record) for record in answer["Records"]]
    oldest = (aws.clock.now() - timedelta(hours=STREAM_HOURS)).timestamp()
    kept = [one for one in delivered if one["dynamodb"]["ApproximateCreationDateTime"] >= oldest]
    return {**answer, "Records": [_as_read(record) for record in kept]}


def _as_read(record: Json) -> Json:
    """The service spells the identity with capitals, Lambda without."""
    identity = record.get("userIdentity")
    if identity is None:
        return record
    return {**record, "userIdentity": {f"{name[0].upper()}{name[1:]}": value for name, value in identity.items()}}


HANDLERS: dict[str, Handler] = {"DynamoDBStreams_20120810.GetRecords": get_records}
