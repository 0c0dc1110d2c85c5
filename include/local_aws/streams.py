"""`GetRecords` with the local clock: the base's stream records carry the machine's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


async def get_records(call: Call, aws: LocalAws) -> Json:
    """The base's records with each write's local second, rounded down as AWS does."""
    answer = await aws.forward(call.target, call.body, identity=call.identity)
    for record in answer["Records"]:
        change = record["dynamodb"]
        change["ApproximateCreationDateTime"] = aws.capture.creation_second(change["SequenceNumber"])
    return answer


HANDLERS: dict[str, Handler] = {"DynamoDBStreams_20120810.GetRecords": get_records}
