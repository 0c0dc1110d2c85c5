"""The inbox in the pipeline's bucket: what lies there, how much of it one run takes, and what is moved out of it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from include.dynamo_lake.manifests import InboxFile
from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX, REJECTED_PREFIX
from lake_airflow.aws import error_code, error_message
from lake_airflow.pipelines import Lake

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CopySourceTypeDef, DeleteTypeDef

log = logging.getLogger(__name__)

UNKNOWN_SOURCE = "_unknown"
MESSAGES = "_messages"
# What Spark reads under its own name: a first "_" or "." hides a file from it, and "[", "*" and the like are patterns.
_CHANGE_FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*\.json\.gz")
REASON_SUFFIX = ".reason.json"
# What one run puts aside: its tasks tell each other every key.
MAX_FOREIGN = 100
# What one run takes: `finish` moves some 200 a second, and has a quarter of an hour.
MAX_FILES = 20_000
# What S3 copies by one request; no change file is a thousandth of it.
MAX_BYTES = 5 * 2**30
_THREADS = 10  # as many connections as a client keeps
_DELETED_AT_ONCE = 1000
# Refusals that are the object's own (too large, archived, under a key that the role may not use): a retry ends the same way.
_OF_THE_OBJECT = {"AccessDenied", "InvalidObjectState", "InvalidRequest"}
_GONE = ""


@dataclass(frozen=True)
class Inbox:
    """``files``: to be applied, the oldest first; ``foreign``: keys to put aside, with the reason; ``left``: how many more lie there."""

    files: tuple[InboxFile, ...]
    left: int
    foreign: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Moved:
    """``count``: how many objects were moved; ``stuck``: those that S3 did not let go, with its words."""

    count: int
    stuck: Mapping[str, str]


def read_inbox(lake: Lake, max_bytes: int | None = None) -> Inbox:
    """List the inbox; of its files the oldest ``MAX_FILES``. With ``max_bytes`` only those within it, one at least."""
    found: list[tuple[str, InboxFile]] = []
    foreign: list[tuple[str, str]] = []
    sources = {source.id for source in lake.sources}
    for written, file in _entries(lake):
        if reason := _foreign_reason(file, sources):
            foreign.append((file.key, reason))
        else:
            found.append((written, file))
    ordered = [file for _, file in sorted(found, key=lambda one: (one[0], one[1].key))]
    taken = ordered[:MAX_FILES]
    taken = taken if max_bytes is None else _within(taken, max_bytes)
    left = len(ordered) - len(taken) + len(foreign[MAX_FOREIGN:])
    return Inbox(tuple(taken), left, tuple(foreign[:MAX_FOREIGN]))


def move_applied(lake: Lake, keys: Iterable[str]) -> Moved:
    """Move change files to ``applied/``; one that is gone was moved by another run."""
    return _move(lake, {key: APPLIED_PREFIX + key.removeprefix(INBOX_PREFIX) for key in keys}, {})


def set_aside(lake: Lake, reasons: Mapping[str, str]) -> Moved:
    """Move objects from the inbox to ``rejected/``, each with its reason beside it; one that is gone was moved by another run."""
    return _move(lake, {key: _rejected_key(lake, key) for key in reasons}, reasons)


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
    if file.bytes > MAX_BYTES:
        return "it is larger than 5 GiB"
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


def _rejected_key(lake: Lake, key: str) -> str:
    source, _, name = key.removeprefix(INBOX_PREFIX).rpartition("/")
    known = source in {one.id for one in lake.sources}
    return f"{REJECTED_PREFIX}{source if known else f'{UNKNOWN_SOURCE}/{source}'.rstrip('/')}/{name}"


def _move(lake: Lake, destinations: Mapping[str, str], reasons: Mapping[str, str]) -> Moved:
    """Copy side by side, then delete: whoever is killed leaves at most the last thousand in both places."""
    keys, count = list(destinations), 0
    stuck: dict[str, str] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="move") as pool:
        for first in range(0, len(keys), _DELETED_AT_ONCE):
            part = keys[first : first + _DELETED_AT_ONCE]
            ends = pool.map(lambda key: _copy(lake, key, destinations[key], reasons.get(key)), part)
            kept = {key: words for key, words in zip(part, ends, strict=True) if words is not None}
            kept |= _delete(lake, [key for key in part if key not in kept])
            count += len(part) - len(kept)
            stuck |= {key: words for key, words in kept.items() if words != _GONE}
    return Moved(count, stuck)


def _copy(lake: Lake, key: str, destination: str, reason: str | None) -> str | None:
    """Copy an object, with the reason beside it if there is one. None where that is done, else S3's words or ``_GONE``."""
    try:
        source: CopySourceTypeDef = {"Bucket": lake.bucket, "Key": key}
        lake.clients.s3.copy_object(Bucket=lake.bucket, Key=destination, CopySource=source)
    except ClientError as error:
        code = error_code(error)
        if code in {"NoSuchKey", "404"}:
            return _GONE
        if code in _OF_THE_OBJECT or code.startswith("KMS."):
            return f"{code}: {error_message(error)}"
        raise
    if reason is not None:
        note_reason(lake, destination, {"reason": reason, "key": key})
        log.warning("s3://%s/%s is put aside as %s: %s", lake.bucket, key, destination, reason)
    return None


def _delete(lake: Lake, keys: Sequence[str]) -> dict[str, str]:
    """Delete objects; return those that S3 kept, with its words."""
    if not keys:
        return {}
    named: DeleteTypeDef = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    kept = lake.clients.s3.delete_objects(Bucket=lake.bucket, Delete=named).get("Errors", [])
    return {one["Key"]: f"{one.get('Code')}: {one.get('Message')}" for one in kept}
