"""The checks of change files before anything is written: each object is read once, by the driver's threads.

Spark starts meanwhile, so they cost no time of their own; that every line is JSON is seen by Spark's own scan.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from glue_scripts.storage.inbox_files import InboxContent, read_inbox_file
from glue_scripts.storage.objects import MissingObjectError, ObjectStore
from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.manifests import BatchManifest, ExportFile, InboxFile
from include.dynamo_lake.reports import WriteTimes, build_write_times

_THREADS = 8
_GZIP = 16 + zlib.MAX_WBITS
_REMEDY = "No row was written. Export the window again (move its folder away first)."
# How AWS begins every line of an incremental export. So much of a file tells when its changes were written: its lines
# lie in no order of time.
_WRITTEN = re.compile(rb'^\{"Metadata":\{"WriteTimestampMicros":(?:\{"N":)?"?([0-9]{1,18})', re.MULTILINE)
_SAMPLE_BYTES = 1 << 20
_MICROS = 1_000_000


@dataclass(frozen=True)
class FileSize:
    """Lines and stored (gzip) bytes of one change file."""

    lines: int
    bytes: int


@dataclass(frozen=True)
class CheckedFiles:
    """Sizes by key of the files to apply, inbox files that are put aside with the reason, and when changes were written."""

    sizes: Mapping[str, FileSize]
    set_aside: Mapping[str, str]
    written: WriteTimes | None


def check_change_files(store: ObjectStore, manifest: BatchManifest, pipeline: Pipeline) -> CheckedFiles:
    """Check every file that the manifest names.

    A file of an export must be there, with the manifest's MD5 and number of lines. A file of the inbox that has gone
    was applied and moved by another run: it is left out. One that cannot be read is put aside, and the rest goes on.

    Raises:
        ChangeFileError: naming the file of an export.
    """
    exported = [file for export in (*manifest.exports, *manifest.compared) for file in export.files]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="check") as pool:
        sizes = dict(
            zip((file.key for file in exported), pool.map(lambda f: _check_exported(store, f), exported), strict=True)
        )
        contents = list(pool.map(lambda file: _check_inbox(store, pipeline, file), manifest.inbox))
    measured = _measured_keys(manifest, pipeline)
    set_aside, written = {}, [at for key, (_, sample) in sizes.items() if key in measured for at in sample]
    found = {key: size for key, (size, _) in sizes.items()}
    for file, content in zip(manifest.inbox, contents, strict=True):
        if isinstance(content, str):
            set_aside[file.key] = content
        elif content is not None:
            found[file.key] = FileSize(content.lines, content.bytes)
            written += content.written_s
    return CheckedFiles(found, set_aside, build_write_times(written))


def _measured_keys(manifest: BatchManifest, pipeline: Pipeline) -> set[str]:
    """Exported files that tell when their changes were written. None where the streams are heard: readers have seen their
    changes before a window repeats them. None of a replayed window: it is no news.
    """
    if pipeline.schedule.mode != "hourly":
        return set()
    return {file.key for export in manifest.exports if export.item in manifest.items for file in export.files}


def without_moved(store: ObjectStore, manifest: BatchManifest, sizes: Mapping[str, FileSize]) -> dict[str, FileSize]:
    """The sizes of the files that are still there: one of the inbox that has gone was applied and moved by another run."""
    gone = {file.key for file in manifest.inbox if file.key in sizes and not _is_there(store, file.key)}
    return {key: size for key, size in sizes.items() if key not in gone}


def unread_files(
    sizes: Mapping[str, FileSize], lines_read: Mapping[str, int], problems: Mapping[str, str]
) -> dict[str, str]:
    """Files that Spark could not read as statements, line by line, with the reason."""
    read = {key: lines_read.get(key, 0) for key in sizes}
    cut = {key: f"{key} has {size.lines} lines, but {read[key]} JSON objects" for key, size in sizes.items()}
    cut = {key: reason for key, reason in cut.items() if read[key] != sizes[key].lines}
    return cut | {key: f"{key} holds {problem}" for key, problem in problems.items()}


def require_read_whole(unread: Mapping[str, str]) -> None:
    """Raise ``ChangeFileError`` for the first (by key) of the files that could not be read."""
    for _, reason in sorted(unread.items()):
        raise ChangeFileError(f"{reason}. {_REMEDY}")


def _check_exported(store: ObjectStore, file: ExportFile) -> tuple[FileSize, tuple[int, ...]]:
    """Its size, and the seconds in which a sample of its changes was written."""
    try:
        size, md5, head = _measure(file.key, store.chunks(file.key))
    except MissingObjectError as error:
        raise ChangeFileError(f"{file.key} is missing, though its export's manifest names it. {_REMEDY}") from error
    if md5 != file.md5:
        raise ChangeFileError(f"{file.key} has the MD5 {md5}, its manifest says {file.md5}. {_REMEDY}")
    if size.lines != file.records:
        raise ChangeFileError(f"{file.key} has {size.lines} lines, its manifest says {file.records}. {_REMEDY}")
    return size, tuple(int(micros) // _MICROS for micros in _WRITTEN.findall(head))


def _check_inbox(store: ObjectStore, pipeline: Pipeline, file: InboxFile) -> InboxContent | str | None:
    """Its content; the reason why it is put aside; None where it is gone."""
    try:
        return read_inbox_file(store, pipeline.source(file.source), file)
    except ChangeFileError as error:
        return str(error)


def _measure(key: str, chunks: Iterable[bytes]) -> tuple[FileSize, str, bytes]:
    """Read a stored object once: its sizes, its MD5 as base64, and the beginning of its text."""
    md5 = hashlib.md5(usedforsecurity=False)
    counter = _LineCounter()
    stored = 0
    try:
        for chunk in chunks:
            md5.update(chunk)
            stored += len(chunk)
            counter.feed(chunk)
    except zlib.error as error:
        raise ChangeFileError(f"{key} is not gzip, or damaged ({error}). {_REMEDY}") from error
    if counter.is_truncated or stored == 0:
        raise ChangeFileError(f"{key} is truncated. {_REMEDY}")
    if counter.lines != counter.objects:
        raise ChangeFileError(f"{key} holds a line that does not end a JSON object. {_REMEDY}")
    return FileSize(counter.lines, stored), base64.b64encode(md5.digest()).decode(), counter.head


class _LineCounter:
    """Inflates gzip members piece by piece and counts lines, and those that end in ``}``."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._last = b""
        self._newlines = 0
        self._closed = 0
        self.is_truncated = False
        self.head = b""

    def feed(self, chunk: bytes) -> None:
        while chunk:
            text = self._inflate.decompress(chunk)
            self._newlines += text.count(b"\n")
            self._closed += text.count(b"}\n") + (self._last == b"}" and text[:1] == b"\n")
            self._last = text[-1:] or self._last
            if len(self.head) < _SAMPLE_BYTES:
                self.head += text[:_SAMPLE_BYTES]
            chunk = self._inflate.unused_data
            self.is_truncated = not self._inflate.eof
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP)

    @property
    def lines(self) -> int:
        return self._newlines + (self._last not in {b"", b"\n"})

    @property
    def objects(self) -> int:
        return self._closed + (self._last == b"}")


def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        store.chunks(key)
    except MissingObjectError:
        return False
    return True
