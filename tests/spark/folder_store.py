"""A folder that stands for the pipeline's bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlparse

from glue_scripts.storage.objects import MissingObjectError
from include.dynamo_lake.retention import StoredFile


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> bytes:
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        path = self.folder / key
        if not path.is_file():
            raise MissingObjectError(key)
        body = path.read_bytes()
        return iter([body[start : start + 7000] for start in range(0, len(body), 7000)])

    def write(self, key: str, body: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        for path in sorted((self.folder / prefix).rglob("*")):
            if path.is_file():
                written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield StoredFile(self.key_of(path.as_uri()), written_at)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            (self.folder / key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return (self.folder / key).as_uri()

    def key_of(self, uri: str) -> str:
        return unquote(urlparse(uri).path).removeprefix(f"{self.folder}/")
