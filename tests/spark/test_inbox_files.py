"""Inbox files before the merge: what cannot be read is put aside with its reason, and the rest goes on. No Spark is needed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glue_scripts.storage.change_files import CheckedFiles, check_change_files
from glue_scripts.storage.objects import MissingObjectError
from include.dynamo_lake.manifests import BatchManifest, ExportFile, InboxFile, SourceExport
from include.dynamo_lake.windows import Window
from include.stream_capture.change_files import build_batches
from tests.unit.stream_capture.records import MAIN, PIPELINE, SECOND, SOURCES, record

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


@dataclass
class MemoryStore:
    """Objects by key, handed out in pieces."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def read(self, key: str) -> bytes:
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        if key not in self.objects:
            raise MissingObjectError(key)
        body = self.objects[key]
        return iter([body[at : at + 100] for at in range(0, len(body), 100)])

    def write(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def uri(self, key: str) -> str:
        return key

    def key_of(self, uri: str) -> str:
        return uri


def change_file(*records: Any) -> bytes:
    """What the stream function writes."""
    (batch,) = build_batches(records, SOURCES)
    return batch.inbox_file()


def checked(**bodies: bytes | None) -> CheckedFiles:
    """The check of inbox files of the main source; None: a listed file that is gone."""
    store = MemoryStore({f"inbox/{name}": body for name, body in bodies.items() if body is not None})
    inbox = tuple(InboxFile(MAIN.id, f"inbox/{name}", 1, "e") for name in bodies)
    manifest = BatchManifest("b", PIPELINE.name, "d", "r", NOW, NOW, (), (), (), inbox)
    return check_change_files(store, manifest, PIPELINE)


GOOD = change_file(record(1), record(2, "REMOVE"), record(3))
TEXT = gzip.decompress(GOOD)
FOREIGN_TABLE = change_file(record(1, source=next(one for one in PIPELINE.sources if one != MAIN)))
ODD_LINE = TEXT + json.dumps({"Item": {}}).encode() + b"\n"


def test_a_sound_file_is_counted_with_the_seconds_of_its_writes() -> None:
    files = checked(good=GOOD)
    assert {key: (size.lines, size.bytes) for key, size in files.sizes.items()} == {"inbox/good": (3, len(GOOD))}
    assert files.set_aside == {}
    assert files.written is not None
    assert files.written.changes == 3
    oldest = datetime.fromtimestamp(SECOND + 1, UTC)
    assert files.written.latency_s(oldest)["max"] == 0


@pytest.mark.parametrize(("mode", "count"), [("hourly", 1), ("both", 0), ("on_change", 0)])
def test_a_window_tells_write_times_where_no_stream_is_heard_and_a_replayed_one_never(mode: Any, count: int) -> None:
    body = gzip.compress(b'{"Metadata":{"WriteTimestampMicros":{"N":"1763949600000000"}},"Keys":{}}\n')
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    windows = [Window(NOW - timedelta(hours=hours), NOW - timedelta(hours=hours - 1)) for hours in (1, 9)]
    exports = tuple(
        SourceExport(MAIN.id, window, "arn", f"{n}/", (ExportFile(f"{n}/x", 1, len(body), md5, "e"),))
        for n, window in enumerate(windows)
    )
    manifest = BatchManifest("b", PIPELINE.name, "d", "r", NOW, NOW, (windows[0],), (windows[1],), exports, ())
    pipeline = replace(PIPELINE, schedule=replace(PIPELINE.schedule, mode=mode))
    written = check_change_files(MemoryStore({"0/x": body, "1/x": body}), manifest, pipeline).written
    assert (written.changes if written else 0) == count


def test_members_in_another_order_are_read_too() -> None:
    (line,) = (json.loads(text) for text in gzip.decompress(change_file(record(1))).splitlines())
    turned = gzip.compress(json.dumps(dict(reversed(line.items()))).encode() + b"\n")
    files = checked(turned=turned)
    assert files.set_aside == {}
    assert files.written == checked(plain=change_file(record(1))).written


def test_a_file_that_is_gone_was_applied_by_another_run() -> None:
    assert checked(gone=None) == CheckedFiles({}, {}, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (GOOD[:-10], "truncated"),
        (b"", "empty"),
        (gzip.compress(b""), "empty"),
        (b"plain text", "not gzip"),
        (GOOD[:30] + bytes(20) + GOOD[50:], "damaged"),
        (gzip.compress(TEXT[:-20]), "last line is cut"),
        (gzip.compress(b"hello\n"), "line 1: not JSON"),
        (gzip.compress(b"\xff\xfe\n"), "line 1: not UTF-8"),
        (gzip.compress(b'{"Item": {}}\n'), "line 1: no object 'Metadata'"),
        (gzip.compress(ODD_LINE), "line 4: no object 'Metadata'"),
        (FOREIGN_TABLE, "line 1: "),
    ],
)
def test_a_file_that_cannot_be_read_is_put_aside_and_the_rest_goes_on(body: bytes, reason: str) -> None:
    files = checked(bad=body, good=GOOD)
    assert set(files.sizes) == {"inbox/good"}
    assert list(files.set_aside) == ["inbox/bad"]
    assert reason in files.set_aside["inbox/bad"]
    assert files.written is not None
    assert files.written.changes == 3
