"""DynamoDB tables with a past: writes in, exports and stream records out, with AWS's semantics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from include.dynamo_lake.coverage import FullExport, PlanItem, item_id
from include.dynamo_lake.declaration import Pipeline, Source
from include.dynamo_lake.dynamodb_json import key_text
from include.dynamo_lake.windows import Window

Image = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SEQUENCE = 10**20


@dataclass(frozen=True)
class Write:
    """One write of one item; ``image`` None is a deletion."""

    source: str
    keys: Image
    image: Image | None
    at: datetime
    number: int
    key: str

    @property
    def micros(self) -> int:
        return (self.at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class ChangeFile:
    """A file as the merge reads it: lines of one source from one planned item, or from the stream (``item`` None)."""

    source: str
    item: PlanItem | None
    name: str
    lines: tuple[str, ...]


@dataclass
class SimulatedTables:
    """All tables of a pipeline with every effective write, in order of time."""

    pipeline: Pipeline
    writes: list[Write] = field(default_factory=list)

    def write(self, source_id: str, keys: Image, image: Image | None, at: datetime) -> Write | None:
        """Put or delete an item; a write that changes nothing makes no change and no record, as in DynamoDB."""
        key = key_text(self.pipeline.source(source_id).key, keys)
        known = next((write for write in reversed(self.writes) if (write.source, write.key) == (source_id, key)), None)
        if (None if known is None else known.image) == image:
            return None
        write = Write(source_id, keys, image, at, len(self.writes), key)
        self.writes.append(write)
        return write

    def state(self, source_id: str, at: datetime) -> dict[str, Write]:
        """The last write of every item that exists at ``at``: from the writes before it."""
        last = {w.key: w for w in self.writes if w.source == source_id and w.at < at}
        return {key: write for key, write in last.items() if write.image is not None}

    def export(self, source: Source, item: PlanItem) -> ChangeFile:
        """The data of one export of one source."""
        lines = self._full_lines(source, item) if isinstance(item, FullExport) else self._window_lines(source, item)
        return ChangeFile(source.id, item, f"exports/{source.id}/{item_id(item)}/data/0.json.gz", tuple(lines))

    def stream_line(self, write: Write) -> str:
        """The inbox line of one stream record."""
        record = _incremental_record(write)
        record["Metadata"]["ApproximateCreationSecond"] = int(write.at.timestamp())
        return _dump({**record, "SequenceNumber": str(_FIRST_SEQUENCE + write.number)})

    def _full_lines(self, source: Source, item: FullExport) -> Iterator[str]:
        for write in self.state(source.id, item.at).values():
            yield _dump({"Item": write.image})

    def _window_lines(self, source: Source, window: Window) -> Iterator[str]:
        """One final state per item; an item that exists neither before nor after the window is absent."""
        before = self.state(source.id, window.start)
        last = {w.key: w for w in self.writes if w.source == source.id and window.start <= w.at < window.end}
        for key, write in last.items():
            if write.image is not None or key in before:
                yield _dump(_incremental_record(write))


def _incremental_record(write: Write) -> dict[str, Any]:
    record: dict[str, Any] = {"Metadata": {"WriteTimestampMicros": {"N": str(write.micros)}}, "Keys": write.keys}
    return record if write.image is None else {**record, "NewImage": write.image}


def _dump(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
