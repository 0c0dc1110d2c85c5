"""Stream records as Lambda hands them over."""

from __future__ import annotations

import json
from typing import Any

from include.dynamo_lake.declaration import Source, pipeline_names, read_declaration

PIPELINE = read_declaration(pipeline_names()[0])
MAIN = PIPELINE.main
SOURCES: dict[str, Source] = {source.table: source for source in PIPELINE.sources}
SECOND = 1_795_485_600


def arn_of(source: Source, label: str = "2026-11-24T02:00:00.123") -> str:
    return f"arn:aws:dynamodb:eu-central-1:111122223333:table/{source.table}/stream/{label}"


def record(number: int, event: str = "MODIFY", source: Source = MAIN, **change: Any) -> dict[str, Any]:
    """A record of an item of its own; ``change`` replaces members of ``dynamodb`` (None removes one)."""
    keys = {attribute.name: {attribute.type: str(number)} for attribute in source.key}
    body: dict[str, Any] = {
        "ApproximateCreationDateTime": SECOND + number,
        "Keys": keys,
        "NewImage": {**keys, "note": {"S": f"é {number}"}, "amount": {"N": "1234567890123456789012345678901234567.8"}},
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": 26,
        "StreamViewType": "NEW_IMAGE",
    }
    if event == "REMOVE":
        del body["NewImage"]
    body |= change
    return {
        "eventID": f"event-{source.id}-{number}",
        "eventName": event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {name: value for name, value in body.items() if value is not None},
        "eventSourceARN": arn_of(source),
    }


def as_event(*records: Any) -> dict[str, Any]:
    """The event, through JSON as Lambda carries it."""
    event: dict[str, Any] = json.loads(json.dumps({"Records": records}))
    return event
