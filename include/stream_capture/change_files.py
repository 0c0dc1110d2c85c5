"""Stream records of one invocation, grouped by stream: what goes into the inbox, and what is put aside."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.dynamo_lake.declaration import Source
from include.dynamo_lake.names import INBOX_PREFIX, REJECTED_PREFIX
from include.stream_capture.lines import ChangeLine, PoisonRecordError, build_line

UNKNOWN_SOURCE = "_unknown"
_STREAM_ARN = re.compile(r"arn:[^:]*:dynamodb:[^:]*:[^:]*:table/(?P<table>[^/]+)/stream/(?P<label>.+)")
_COMPRESSION_LEVEL = 6


@dataclass(frozen=True)
class Rejected:
    """A record that is put aside, and why."""

    record: Any
    reason: str


@dataclass(frozen=True)
class StreamBatch:
    """The records of one stream in one invocation, in their order.

    ``source`` is the source id, or ``_unknown`` for records that are no declared table's. ``first_sequence_number``
    is None where no record has one.
    """

    source: str
    name: str
    lines: tuple[ChangeLine, ...]
    rejected: tuple[Rejected, ...]
    first_sequence_number: str | None

    @property
    def inbox_key(self) -> str:
        return f"{INBOX_PREFIX}{self.source}/{self.name}.json.gz"

    @property
    def rejected_key(self) -> str:
        return f"{REJECTED_PREFIX}{self.source}/{self.name}.json.gz"

    def inbox_file(self) -> bytes:
        """The change file: one line per record, gzip; equal records give equal bytes."""
        return _gzip_lines(line.text for line in self.lines)

    def rejected_file(self) -> bytes:
        """``{"reason": …, "record": …}`` a line, gzip."""
        return _gzip_lines(json.dumps({"reason": one.reason, "record": one.record}) for one in self.rejected)


def build_batches(records: Iterable[Any], sources: Mapping[str, Source]) -> list[StreamBatch]:
    """Group records by stream and build a batch of each. ``sources``: by DynamoDB table name."""
    by_stream: dict[str, list[Any]] = {}
    for record in records:
        arn = record.get("eventSourceARN") if isinstance(record, Mapping) else None
        by_stream.setdefault(arn if isinstance(arn, str) else "", []).append(record)
    return [_build_batch(arn, members, sources) for arn, members in by_stream.items()]


def _build_batch(stream_arn: str, records: list[Any], sources: Mapping[str, Source]) -> StreamBatch:
    found = _STREAM_ARN.fullmatch(stream_arn)
    source = sources.get(found["table"]) if found else None
    lines: list[ChangeLine] = []
    rejected: list[Rejected] = []
    for record in records:
        try:
            lines.append(build_line(record, _required(source, stream_arn)))
        except PoisonRecordError as error:
            rejected.append(Rejected(record, str(error)))
        except Exception as error:
            # One record that nobody foresaw would hold up its shard for hours.
            rejected.append(Rejected(record, f"{type(error).__name__}: {error}"))
    label = re.sub(r"[^0-9A-Za-z.]", "", found["label"]) if found else "no-stream"
    numbers = [_sequence_number(record) for record in records]
    return StreamBatch(
        source.id if source else UNKNOWN_SOURCE,
        f"{label}-{_digest(records)}",
        tuple(lines),
        tuple(rejected),
        next((number for number in numbers if number is not None), None),
    )


def _required(source: Source | None, stream_arn: str) -> Source:
    if source is None:
        raise PoisonRecordError(f"its eventSourceARN {stream_arn!r} is no stream of a declared source's table")
    return source


def _sequence_number(record: Any) -> str | None:
    change = record.get("dynamodb") if isinstance(record, Mapping) else None
    number = change.get("SequenceNumber") if isinstance(change, Mapping) else None
    return number if isinstance(number, str) else None


def _digest(records: list[Any]) -> str:
    """A hash of the ordered eventIDs: a batch that is delivered again gets the same name."""
    digest = hashlib.sha256()
    for record in records:
        event_id = record.get("eventID") if isinstance(record, Mapping) else None
        text = event_id if isinstance(event_id, str) else json.dumps(record, sort_keys=True)
        digest.update(json.dumps(text).encode() + b"\n")
    return digest.hexdigest()[:32]


def _gzip_lines(lines: Iterable[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), _COMPRESSION_LEVEL, mtime=0)
