"""Keep the rows of a result on disk, page by page, in the order of the query."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from include.local_aws.athena.values import Column

Row = Sequence[str | None]
CHUNK_ROWS = 1000
"""Rows of one chunk; also the most that GetQueryResults gives in a page."""


@dataclass
class ResultSet:
    """Rows of one finished query: `columns`, and chunks of `CHUNK_ROWS` rows in a file.

    `with_header` puts the column names in as the first row, as Athena does for SELECT and not for SHOW.
    """

    columns: Sequence[Column]
    path: Path
    with_header: bool
    row_count: int = 0
    _offsets: list[int] = field(default_factory=list)

    def read(self, start: int, count: int) -> list[Row]:
        """Rows `start` to `start + count` (the header counts as row 0 where there is one)."""
        rows: list[Row] = []
        if self.with_header and start == 0 and count:
            rows.append([column.name for column in self.columns])
        first = max(0, start - self.with_header)
        wanted = min(count - len(rows), self.row_count - first)
        if wanted <= 0:
            return rows
        with self.path.open(encoding="utf-8") as lines:
            found: list[Row] = []
            for chunk in range(first // CHUNK_ROWS, (first + wanted - 1) // CHUNK_ROWS + 1):
                lines.seek(self._offsets[chunk])
                found += json.loads(lines.readline())
        skip = first % CHUNK_ROWS
        return rows + found[skip : skip + wanted]

    @property
    def total(self) -> int:
        """Rows to page through, the header included."""
        return self.row_count + self.with_header

    def write_csv(self, target: Path) -> None:
        """Write the file that Athena leaves in S3: CSV with every value quoted, null empty; text lines for SHOW."""
        with target.open("w", encoding="utf-8", newline="") as out:
            if self.with_header:
                out.write(_csv_line([column.name for column in self.columns]))
            for chunk in self._chunks():
                lines = (
                    map(_csv_line, chunk)
                    if self.with_header
                    else ("\t".join(v or "" for v in row) + "\n" for row in chunk)
                )
                out.writelines(lines)

    def _chunks(self) -> Iterator[list[Row]]:
        with self.path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def spool_rows(rows: Iterator[Row], columns: Sequence[Column], path: Path, *, with_header: bool) -> ResultSet:
    """Write rows to `path` and return their result set."""
    result = ResultSet(columns, path, with_header)
    chunk: list[Row] = []
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                _append(result, out, chunk)
                chunk = []
        if chunk:
            _append(result, out, chunk)
    return result


def _append(result: ResultSet, out: IO[str], chunk: list[Row]) -> None:
    result._offsets.append(out.tell())
    out.write(json.dumps(chunk, ensure_ascii=False) + "\n")
    result.row_count += len(chunk)


def _csv_line(row: Row) -> str:
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n"
