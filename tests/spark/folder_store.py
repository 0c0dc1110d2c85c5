"""A folder that stands for the pipeline's bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from glue_scripts.storage.objects import MissingObjectError


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

    def uri(self, key: str) -> str:
        return (self.folder / key).as_uri()

    def key_of(self, uri: str) -> str:
        return unquote(urlparse(uri).path).removeprefix(f"{self.folder}/")
