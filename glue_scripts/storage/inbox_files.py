"""The checks of the inbox's change files. One that cannot be read is left out with its reason; nothing else has to wait for it."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass

from glue_scripts.storage.objects import MissingObjectError, ObjectStore
from include.dynamo_lake.declaration.model import Source
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.manifests import InboxFile
from include.dynamo_lake.statements import Line, Statement, parse_inbox_line

# How the stream function writes lines; whatever looks otherwise is parsed whole.
_LINE = re.compile(
    rb'\{"Metadata":\{"WriteTimestampMicros":\{"N":"[0-9]+"\},"ApproximateCreationSecond":([0-9]{1,11})\},'
    rb'"SequenceNumber":"[0-9]{1,40}","Keys":\{.*\}\}',
    re.DOTALL,
)


@dataclass(frozen=True)
class InboxContent:
    """Lines and stored (gzip) bytes of one file, and when each of its changes was written, in seconds since 1970."""

    lines: int
    bytes: int
    written_s: tuple[int, ...]


def read_inbox_file(store: ObjectStore, source: Source, file: InboxFile) -> InboxContent | None:
    """Read and check one file; None where it is gone: another run applied and moved it.

    The first line is parsed in any case: a file holds the changes of one table, and it may be another one's.

    Raises:
        ChangeFileError: the file cannot be applied; the message is the reason.
    """
    try:
        body = b"".join(store.chunks(file.key))
    except MissingObjectError:
        return None
    lines = _lines(file.key, body)
    _parse(source, lines[0], Line(file.key, 1))
    written = (_written_s(source, text, Line(file.key, number)) for number, text in enumerate(lines, 1))
    return InboxContent(len(lines), len(body), tuple(written))


def _written_s(source: Source, text: bytes, line: Line) -> int:
    found = _LINE.fullmatch(text)
    return int(found[1]) if found else int(_parse(source, text, line).version.at.timestamp())


def _parse(source: Source, text: bytes, line: Line) -> Statement:
    try:
        return parse_inbox_line(source, text.decode(), line)
    except UnicodeDecodeError as error:
        raise line.error(f"not UTF-8 ({error})") from error


def _lines(key: str, body: bytes) -> list[bytes]:
    try:
        text = gzip.decompress(body)
    except EOFError as error:
        raise ChangeFileError(f"{key} is truncated") from error
    except (OSError, zlib.error) as error:
        raise ChangeFileError(f"{key} is not gzip, or damaged ({error})") from error
    if not text:
        raise ChangeFileError(f"{key} is empty")
    if not text.endswith(b"\n"):
        raise ChangeFileError(f"{key} does not end with a line feed: its last line is cut")
    return text[:-1].split(b"\n")
