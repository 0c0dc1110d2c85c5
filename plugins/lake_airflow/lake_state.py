"""State objects in the pipeline's bucket: what the lake covers, and what is published. Changed by conditional puts only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY, WARNED_KEY
from include.dynamo_lake.published import Published
from lake_airflow.aws import error_code
from lake_airflow.errors import StateConflictError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MAX_ROUNDS = 20
# 412: somebody else's put came first; 409: one was under way.
_LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_MISSING = {"NoSuchKey", "404"}

State = TypeVar("State")


@dataclass(frozen=True)
class Stored:
    """An object's content with the ETag that a conditional put must name."""

    body: bytes
    etag: str


def read_object(s3: S3Client, bucket: str, key: str) -> Stored | None:
    """Read one object, or None where there is none."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _MISSING:
            return None
        raise
    return Stored(answer["Body"].read(), answer["ETag"])


def read_coverage(s3: S3Client, bucket: str) -> Coverage:
    """Read what the lake covers; an empty coverage before the first run."""
    stored = read_object(s3, bucket, COVERAGE_KEY)
    return Coverage.from_json(stored.body) if stored else Coverage()


def read_published(s3: S3Client, bucket: str) -> Published | None:
    """Read the published snapshot, None before the first publish."""
    stored = read_object(s3, bucket, PUBLISHED_KEY)
    return Published.from_json(stored.body) if stored else None


def commit_coverage(s3: S3Client, bucket: str, decide: Callable[[Coverage], Coverage]) -> Coverage:
    """Change the coverage; ``decide`` is called anew with what a rival wrote. Return what now stands.

    Raises:
        StateConflictError: rivals won every round.
    """

    def change(body: bytes | None) -> tuple[str | None, Coverage]:
        before = Coverage.from_json(body) if body is not None else Coverage()
        after = decide(before)
        return (None if after == before else after.to_json()), after

    return _commit(s3, bucket, COVERAGE_KEY, change)


def commit_published(s3: S3Client, bucket: str, decide: Callable[[Published | None], Published]) -> Published:
    """Change the published record as ``commit_coverage`` does; ``decide`` returns what it was given to leave it."""

    def change(body: bytes | None) -> tuple[str | None, Published]:
        before = Published.from_json(body) if body is not None else None
        after = decide(before)
        return (None if after == before else after.to_json()), after

    return _commit(s3, bucket, PUBLISHED_KEY, change)


def read_warned(s3: S3Client, bucket: str, kind: str) -> list[str]:
    """The warnings of a kind that have been told and held when somebody last looked."""
    stored = read_object(s3, bucket, WARNED_KEY)
    warned: list[str] = json.loads(stored.body).get(kind, []) if stored else []
    return warned


def commit_warned(s3: S3Client, bucket: str, **warnings: Sequence[str]) -> tuple[str, ...]:
    """Remember the warnings that hold now, by kind, and leave other kinds alone; return those that did not hold before.

    One that is gone may come back and is new.
    """

    def change(body: bytes | None) -> tuple[str | None, tuple[str, ...]]:
        before: dict[str, Any] = json.loads(body) if body is not None else {"version": 1}
        after = before | {kind: list(ones) for kind, ones in warnings.items()}
        new = tuple(one for kind, ones in warnings.items() for one in ones if one not in before.get(kind, ()))
        return (None if after == before else json.dumps(after, indent=1)), new

    return _commit(s3, bucket, WARNED_KEY, change)


def _commit(s3: S3Client, bucket: str, key: str, change: Callable[[bytes | None], tuple[str | None, State]]) -> State:
    for _ in range(MAX_ROUNDS):
        stored = read_object(s3, bucket, key)
        text, state = change(stored.body if stored else None)
        if text is None or _put(s3, bucket, key, text, stored.etag if stored else None):
            return state
    raise StateConflictError(
        f"s3://{bucket}/{key} was changed by others {MAX_ROUNDS} times in a row: look which runs write it at once"
    )


def _put(s3: S3Client, bucket: str, key: str, text: str, etag: str | None) -> bool:
    try:
        if etag is None:
            s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json", IfNoneMatch="*")
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json", IfMatch=etag)
    except ClientError as error:
        if error_code(error) in _LOST:
            return False
        raise
    return True
