"""The readers' table: created once, then moved to verified snapshots, forwards only.

The record in the bucket is written first, the readers' table follows it: whoever finds them apart moves the table to the
record, so that neither a crash between the two nor rival runs can take readers back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from include.dynamo_lake.published import Published
from include.dynamo_lake.retention import metadata_version
from lake_airflow.aws import error_code
from lake_airflow.errors import StateConflictError
from lake_airflow.iceberg import METADATA_LOCATION, read_metadata, read_table
from lake_airflow.lake_state import MAX_ROUNDS, commit_published, read_published

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_s3 import S3Client

log = logging.getLogger(__name__)

_RIVAL = {"ConcurrentModificationException", "VersionMismatchException", "AlreadyExistsException"}
_KEPT = ("Description", "Owner", "Retention", "PartitionKeys", "TableType", "Parameters", "StorageDescriptor")

_LEFT_BEHIND = (
    "It is an older one, which no crawl moves it to: a run was broken off between record and table (or is between them now), and "
    "nothing is to be done; or a person moved it: only the pipeline's Airflow role may move the table and start crawler {crawler}"
)
_MOVED = (
    "A crawl or a person moved it. Only the run's own task may start crawler {crawler}: withdraw glue:StartCrawler on it from "
    "everybody but the pipeline's Airflow role, and its schedule"
)


@dataclass(frozen=True)
class ReadersTable:
    """The table that readers see: its place in the catalog, the bucket that holds its record, and the crawler that may move it."""

    bucket: str
    database: str
    table: str
    crawler: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


def publish(
    s3: S3Client, glue: GlueClient, readers: ReadersTable, candidate: Published, *, lake_uuid: str | None
) -> Published:
    """Publish a verified snapshot, forwards only; return what is published now (a rival's further one is a success).

    ``lake_uuid``: the lake's present table. One that was made anew replaces what an older one published, never the other way round.
    """

    def forwards(present: Published | None) -> Published:
        return candidate if present is None or _is_further(candidate, present, lake_uuid) else present

    _warn_if_elsewhere(s3, glue, readers)  # before the move hides it
    published = commit_published(s3, readers.bucket, forwards)
    if published != candidate:
        log.info("Snapshot %d is already published, further than %d", published.snapshot_id, candidate.snapshot_id)
    point_to_published(s3, glue, readers)
    return published


def put_back(s3: S3Client, glue: GlueClient, readers: ReadersTable) -> str | None:
    """Put the readers' table back to the published record if it is elsewhere, and warn; return where it had been."""
    _warn_if_elsewhere(s3, glue, readers)
    return point_to_published(s3, glue, readers)


def point_to_published(s3: S3Client, glue: GlueClient, readers: ReadersTable) -> str | None:
    """Move the readers' table to the published record if it is elsewhere; return where it was ('' where there was no table).

    None: nothing to do.

    Raises:
        StateConflictError: others changed the table in every round.
    """
    for _ in range(MAX_ROUNDS):
        # The table before the record: a rival that moves both in between makes the conditional update fail.
        entry = read_table(glue, readers.database, readers.table)
        record = read_published(s3, readers.bucket)
        found = _location(entry)
        if record is None or found == record.metadata_location:
            return None
        if _move(s3, glue, readers, entry, record):
            return found
    raise StateConflictError(f"{readers} was changed by others {MAX_ROUNDS} times in a row: look who writes it")


def _warn_if_elsewhere(s3: S3Client, glue: GlueClient, readers: ReadersTable) -> None:
    found, record = _location(read_table(glue, readers.database, readers.table)), read_published(s3, readers.bucket)
    if record is None or found == record.metadata_location:
        return
    is_older = 0 < (metadata_version(found) or 0) < _version(record)
    cause = (_LEFT_BEHIND if is_older else _MOVED).format(crawler=readers.crawler)
    log.warning("%s showed %s, which is not what is published: it is put right. %s", readers, found or "nothing", cause)


def _location(entry: Mapping[str, Any] | None) -> str:
    return str(entry.get("Parameters", {}).get(METADATA_LOCATION, "")) if entry else ""


def _is_further(candidate: Published, present: Published, lake_uuid: str | None) -> bool:
    if candidate.table_uuid != present.table_uuid:
        return candidate.table_uuid == lake_uuid  # the lake's table was made anew: its numbers start again
    if candidate.sequence_number != present.sequence_number:
        return candidate.sequence_number > present.sequence_number
    # Maintenance commits metadata without a snapshot; a crawl goes by the newest file.
    return _version(candidate) > _version(present)


def _version(record: Published) -> int:
    return metadata_version(record.metadata_location) or 0


def _move(
    s3: S3Client, glue: GlueClient, readers: ReadersTable, entry: Mapping[str, Any] | None, record: Published
) -> bool:
    table_input: Any = _build_table_input(s3, readers, entry, record)
    try:
        if entry is None:
            glue.create_table(DatabaseName=readers.database, TableInput=table_input)
        else:
            glue.update_table(DatabaseName=readers.database, TableInput=table_input, VersionId=entry["VersionId"])
    except ClientError as error:
        if error_code(error) in _RIVAL:
            return False
        raise
    log.info("%s now shows snapshot %d, %s", readers, record.snapshot_id, record.metadata_location)
    return True


def _build_table_input(
    s3: S3Client, readers: ReadersTable, entry: Mapping[str, Any] | None, record: Published
) -> dict[str, Any]:
    metadata = read_metadata(s3, record.metadata_location)
    # Glue hands empty members out (a crawler leaves Owner empty) that it does not take back.
    kept = {name: entry[name] for name in _KEPT if entry.get(name)} if entry else {}
    moved = {"table_type": "ICEBERG", METADATA_LOCATION: record.metadata_location}
    if entry and (previous := entry.get("Parameters", {}).get(METADATA_LOCATION)):
        moved["previous_metadata_location"] = previous
    storage = {
        **kept.get("StorageDescriptor", {}),
        "Location": metadata.table_location,
        "Columns": metadata.glue_columns,
    }
    return {
        **kept,
        "Name": readers.table,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {**kept.get("Parameters", {}), "EXTERNAL": "TRUE", **moved},
        "StorageDescriptor": storage,
    }
