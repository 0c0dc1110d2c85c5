"""Cut an export's lines into compressed data files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

ITEMS_PER_FILE = 50_000


@dataclass(frozen=True)
class Part:
    """One data file: its compressed body, lines, and bytes before compression."""

    body: bytes
    item_count: int
    byte_count: int


def next_part(lines: Iterator[bytes]) -> Part | None:
    """The next data file, None when there are no more lines."""
    chunk = list(islice(lines, ITEMS_PER_FILE))
    if not chunk:
        return None
    raw = b"".join(chunk)
    return Part(gzip.compress(raw, compresslevel=1, mtime=0), len(chunk), len(raw))
