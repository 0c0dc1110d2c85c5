"""The checks of change files before anything is written: each object is read once, by the driver's threads.

Spark starts meanwhile, so they cost no time of their own; that every line is JSON is seen by Spark's own scan.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from glue_scripts.storage.objects import MissingObjectError, ObjectStore
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.manifests import BatchManifest, ExportFile, InboxFile

_THREADS = 8
_GZIP = 16 + zlib.MAX_WBITS
_REMEDY = (
    "Nothing was written. Export the window again (move its folder away first), or move the file out of the inbox."
)


@dataclass(frozen=True)
class FileSize:
    """Lines and stored (gzip) bytes of one change file."""

    lines: int
    bytes: int


def check_change_files(store: ObjectStore, manifest: BatchManifest) -> dict[str, FileSize]:
    """Check every file that the manifest names; return the sizes by key of those that are there.

    A file of an export must be there, with the manifest's MD5 and number of lines. A file of the inbox that has gone
    was applied and moved by another run: it is left out. Raises ``ChangeFileError`` naming the file.
    """
    exported = [file for export in manifest.exports for file in export.files]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="check") as pool:
        sizes = list(pool.map(lambda file: _check_exported(store, file), exported))
        inbox = list(pool.map(lambda file: _check_inbox(store, file), manifest.inbox))
    keys = [*(file.key for file in exported), *(file.key for file in manifest.inbox)]
    return {key: size for key, size in zip(keys, [*sizes, *inbox], strict=True) if size is not None}


def require_read_whole(
    sizes: Mapping[str, FileSize], lines_read: Mapping[str, int], problems: Mapping[str, str]
) -> None:
    """Raise ``ChangeFileError`` for the first file (by key) that Spark could not read as statements, line by line."""
    for key, problem in sorted(problems.items()):
        raise ChangeFileError(f"{key} holds {problem}. {_REMEDY}")
    for key, size in sorted(sizes.items()):
        if lines_read.get(key, 0) != size.lines:
            raise ChangeFileError(f"{key} has {size.lines} lines, but {lines_read.get(key, 0)} JSON objects. {_REMEDY}")


def _check_exported(store: ObjectStore, file: ExportFile) -> FileSize:
    try:
        size, md5 = _measure(file.key, store.chunks(file.key))
    except MissingObjectError as error:
        raise ChangeFileError(f"{file.key} is missing, though its export's manifest names it. {_REMEDY}") from error
    if md5 != file.md5:
        raise ChangeFileError(f"{file.key} has the MD5 {md5}, its manifest says {file.md5}. {_REMEDY}")
    if size.lines != file.records:
        raise ChangeFileError(f"{file.key} has {size.lines} lines, its manifest says {file.records}. {_REMEDY}")
    return size


def _check_inbox(store: ObjectStore, file: InboxFile) -> FileSize | None:
    try:
        return _measure(file.key, store.chunks(file.key))[0]
    except MissingObjectError:
        return None


def _measure(key: str, chunks: Iterable[bytes]) -> tuple[FileSize, str]:
    """Read a stored object once: its sizes, and its MD5 as base64."""
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
    return FileSize(counter.lines, stored), base64.b64encode(md5.digest()).decode()


class _LineCounter:
    """Inflates gzip members piece by piece and counts lines, and those that end in ``}``."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._last = b""
        self._newlines = 0
        self._closed = 0
        self.is_truncated = False

    def feed(self, chunk: bytes) -> None:
        while chunk:
            text = self._inflate.decompress(chunk)
            self._newlines += text.count(b"\n")
            self._closed += text.count(b"}\n") + (self._last == b"}" and text[:1] == b"\n")
            self._last = text[-1:] or self._last
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
