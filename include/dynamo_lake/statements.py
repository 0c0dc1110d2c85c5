"""Statements: what is known of one item at one instant, read from the lines of change files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.dynamodb_json import json_text, key_text, parse_json
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.versions import Version, export_version, stream_version

_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class Statement:
    """What is known of one item at one instant.

    ``source``: source id. ``key``: canonical key text. ``image``: the item's raw DynamoDB JSON in canonical form;
    None for a deletion. ``written_us``: when it was written, in microseconds since 1970, where the file says so (for
    measuring latency, never for ordering).
    """

    source: str
    key: str
    version: Version
    image: str | None
    written_us: int | None = None


@dataclass(frozen=True)
class Line:
    """Where a line stands: the object's key and the line's number from 1, for error messages."""

    file: str
    number: int

    def error(self, problem: str) -> ChangeFileError:
        """The error that names this line."""
        remedy = "The file is damaged or not ours: export the window again, or move the file out of the inbox."
        return ChangeFileError(f"{self.file}, line {self.number}: {problem}. {remedy}")


def parse_full_line(source: Source, text: str, at: datetime, line: Line) -> Statement:
    """Read a line of a full export at ``at``: ``{"Item": {…}}``. Raises ``ChangeFileError`` naming file and line."""
    item = _member(_parse_object(text, line), "Item", line)
    return Statement(source.id, _key(source, item, line), export_version(at), json_text(item))


def parse_incremental_line(source: Source, text: str, window_end: datetime, line: Line) -> Statement:
    """Read a line of an incremental export whose window ends at ``window_end``; without ``NewImage`` it is a
    deletion.
    """
    record = _parse_object(text, line)
    return _statement(source, record, export_version(window_end), line)


def parse_inbox_line(source: Source, text: str, line: Line) -> Statement:
    """Read a line of a stream's change file: the incremental line plus ``SequenceNumber`` and
    ``Metadata.ApproximateCreationSecond``.
    """
    record = _parse_object(text, line)
    metadata = _member(record, "Metadata", line)
    second = _whole_number(metadata.get("ApproximateCreationSecond"), "Metadata.ApproximateCreationSecond", line)
    sequence = record.get("SequenceNumber")
    if second is None or type(sequence) is not str:
        raise line.error("no SequenceNumber (a string) or no Metadata.ApproximateCreationSecond (a whole number)")
    try:
        version = stream_version(second, sequence)
    except ValueError as error:
        raise line.error(str(error)) from error
    except (OverflowError, OSError) as error:
        raise line.error(f"Metadata.ApproximateCreationSecond {second} is beyond any calendar") from error
    return _statement(source, record, version, line)


def _statement(source: Source, record: Mapping[str, Any], version: Version, line: Line) -> Statement:
    key = _key(source, _member(record, "Keys", line), line)
    image = None if record.get("NewImage") is None else json_text(_member(record, "NewImage", line))
    metadata = record.get("Metadata")
    stamp = metadata.get("WriteTimestampMicros") if isinstance(metadata, Mapping) else None
    return Statement(source.id, key, version, image, _whole_number(stamp, "Metadata.WriteTimestampMicros", line))


def _parse_object(text: str, line: Line) -> Mapping[str, Any]:
    try:
        parsed = parse_json(text)
    except ValueError as error:
        raise line.error(f"not JSON ({error})") from error
    if not isinstance(parsed, Mapping):
        raise line.error("not a JSON object")
    return parsed


def _member(record: Mapping[str, Any], name: str, line: Line) -> Mapping[str, Any]:
    member = record.get(name)
    if not isinstance(member, Mapping):
        raise line.error(f"no object {name!r}")
    return member


def _key(source: Source, attributes: Mapping[str, Any], line: Line) -> str:
    try:
        return key_text(source.key, attributes)
    except ValueError as error:
        raise line.error(str(error)) from error


def _whole_number(value: Any, name: str, line: Line) -> int | None:
    """A whole number written as ``{"N": "…"}``, as a bare number or as a string; None where it is absent."""
    if value is None:
        return None
    text = value.get("N") if isinstance(value, Mapping) else value
    if not isinstance(text, str) or not _WHOLE_NUMBER.fullmatch(text):
        raise line.error(f"{name} is {json_text(value)[:100]}, not a whole number")
    return int(text)
