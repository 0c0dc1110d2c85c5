"""`GetRecords` with the local clock: the base's stream records carry the machine's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


async def get_records(call: Call, aws: LocalAws) -> Json:
    """The base's records with each write's local second, rounded down as AWS does."""
    answer = await aws.forward(call.target, call.body, identity=call.identity)
    return {**answer, "Records": [_as_read(aws.capture.as_delivered(record)) for record in answer["Records"]]}


def _as_read(record: Json) -> Json:
    """The service spells the identity with capitals, Lambda without."""
    identity = record.get("userIdentity")
    if identity is None:
        return record
    return {**record, "userIdentity": {f"{name[0].upper()}{name[1:]}": value for name, value in identity.items()}}


HANDLERS: dict[str, Handler] = {"DynamoDBStreams_20120810.GetRecords": get_records}
