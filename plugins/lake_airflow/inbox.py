"""The inbox in the pipeline's bucket: what lies there, how much of it one run takes, and what is put aside."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from include.dynamo_lake.manifests import InboxFile
from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX, REJECTED_PREFIX
from lake_airflow.aws import error_code
from lake_airflow.pipelines import Lake

log = logging.getLogger(__name__)

UNKNOWN_SOURCE = "_unknown"
MESSAGES = "_messages"
# What Spark reads under its own name: a first "_" or "." hides a file from it, and "[", "*" and the like are patterns.
_CHANGE_FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*\.json\.gz")
REASON_SUFFIX = ".reason.json"
# What one run puts aside: its tasks tell each other every key.
MAX_FOREIGN = 100


@dataclass(frozen=True)
class Inbox:
    """``files``: to be applied, the oldest first; ``foreign``: keys to put aside, with the reason; ``left``: how many more lie there."""

    files: tuple[InboxFile, ...]
    left: int
    foreign: tuple[tuple[str, str], ...]


def read_inbox(lake: Lake, max_bytes: int | None = None) -> Inbox:
    """List the inbox. With ``max_bytes`` only the oldest files within it, one at least."""
    found: list[tuple[str, InboxFile]] = []
    foreign: list[tuple[str, str]] = []
    sources = {source.id for source in lake.sources}
    for written, file in _entries(lake):
        if reason := _foreign_reason(file, sources):
            foreign.append((file.key, reason))
        else:
            found.append((written, file))
    ordered = [file for _, file in sorted(found, key=lambda one: (one[0], one[1].key))]
    taken = ordered if max_bytes is None else _within(ordered, max_bytes)
    left = len(ordered) - len(taken) + len(foreign[MAX_FOREIGN:])
    return Inbox(tuple(taken), left, tuple(foreign[:MAX_FOREIGN]))


def move_applied(lake: Lake, file: InboxFile) -> bool:
    """Move a change file to ``applied/``; False where it is gone: another run moved it."""
    return _move(lake, file.key, APPLIED_PREFIX + file.key.removeprefix(INBOX_PREFIX))


def set_aside(lake: Lake, key: str, reason: str) -> bool:
    """Move an object from the inbox to ``rejected/``, with the reason beside it; False where it is gone."""
    source, _, name = key.removeprefix(INBOX_PREFIX).rpartition("/")
    known = source in {one.id for one in lake.sources}
    rejected = f"{REJECTED_PREFIX}{source if known else f'{UNKNOWN_SOURCE}/{source}'.rstrip('/')}/{name}"
    note_reason(lake, rejected, {"reason": reason, "key": key})
    log.warning("s3://%s/%s is put aside as %s: %s", lake.bucket, key, rejected, reason)
    return _move(lake, key, rejected)


def note_reason(lake: Lake, key: str, content: dict[str, str]) -> None:
    """Write why something was put aside, beside it."""
    body = json.dumps(content, ensure_ascii=False).encode()
    lake.clients.s3.put_object(Bucket=lake.bucket, Key=key + REASON_SUFFIX, Body=body, ContentType="application/json")


def _entries(lake: Lake) -> Iterator[tuple[str, InboxFile]]:
    for page in lake.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket, Prefix=INBOX_PREFIX):
        for entry in page.get("Contents", []):
            source = entry["Key"].removeprefix(INBOX_PREFIX).rpartition("/")[0]
            file = InboxFile(source, entry["Key"], entry["Size"], entry["ETag"].strip('"'))
            yield entry["LastModified"].isoformat(), file


def _foreign_reason(file: InboxFile, sources: set[str]) -> str | None:
    if file.source not in sources:
        return f"it lies under no declared source ({', '.join(sorted(sources))})"
    if not _CHANGE_FILE.fullmatch(file.key.rpartition("/")[2]):
        return f"its name is not like the stream function's ({_CHANGE_FILE.pattern})"
    return None


def _within(files: list[InboxFile], max_bytes: int) -> list[InboxFile]:
    taken, total = files[:1], sum(file.bytes for file in files[:1])
    for file in files[1:]:
        total += file.bytes
        if total > max_bytes:
            break
        taken.append(file)
    return taken


def _move(lake: Lake, key: str, destination: str) -> bool:
    s3 = lake.clients.s3
    try:
        s3.copy_object(Bucket=lake.bucket, Key=destination, CopySource={"Bucket": lake.bucket, "Key": key})
    except ClientError as error:
        if error_code(error) in {"NoSuchKey", "404"}:
            return False
        raise
    s3.delete_object(Bucket=lake.bucket, Key=key)
    return True
