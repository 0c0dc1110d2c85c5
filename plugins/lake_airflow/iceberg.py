"""Iceberg table metadata, read as the plain JSON that it is: heads, ancestry, marks, columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from include.dynamo_lake.errors import TransientError
from include.dynamo_lake.names import SUMMARY_DAYS, SUMMARY_DERIVED_THROUGH, SUMMARY_RUN
from lake_airflow.aws import error_code
from lake_airflow.lake_state import read_object

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient
    from types_boto3_s3 import S3Client

METADATA_LOCATION = "metadata_location"
_GLUE_TYPES = {"long": "bigint", "timestamptz": "timestamp", "uuid": "string", "time": "string"}


class MetadataMissingError(TransientError):
    """A metadata file that the catalog names is not there."""


@dataclass(frozen=True)
class TableMetadata:
    """One metadata file of an Iceberg table."""

    location: str
    content: Mapping[str, Any]

    @property
    def table_uuid(self) -> str:
        return str(self.content["table-uuid"])

    @property
    def table_location(self) -> str:
        return str(self.content["location"])

    @property
    def head_id(self) -> int | None:
        """The current snapshot; None for a table without one."""
        head = self.content.get("current-snapshot-id")
        return None if head in {None, -1} else int(head)

    @cached_property
    def snapshots(self) -> Mapping[int, Mapping[str, Any]]:
        return {int(one["snapshot-id"]): one for one in self.content.get("snapshots", [])}

    def sequence_number(self, snapshot_id: int) -> int:
        """The snapshot's place in the table's history; 0 for a table without one."""
        return int(self.snapshots.get(snapshot_id, {}).get("sequence-number", 0))

    @property
    def properties(self) -> Mapping[str, str]:
        properties: Mapping[str, str] = self.content.get("properties", {})
        return properties

    def mark(self, name: str) -> int:
        """The newest value of a numeric mark (``lake.run``, ``lake.derived_through``) up to the head; 0 where none was made."""
        for snapshot in self.ancestry(self.head_id):
            if name in snapshot.get("summary", {}):
                return int(snapshot["summary"][name])
        return 0

    def derived_through(self, snapshot_id: int) -> int:
        return next(
            (
                int(one["summary"][SUMMARY_DERIVED_THROUGH])
                for one in self.ancestry(snapshot_id)
                if SUMMARY_DERIVED_THROUGH in one.get("summary", {})
            ),
            0,
        )

    def ancestry(self, snapshot_id: int | None) -> Iterator[Mapping[str, Any]]:
        """A snapshot and its ancestors, newest first, as far back as they are kept."""
        while snapshot_id is not None and snapshot_id in self.snapshots:
            snapshot = self.snapshots[snapshot_id]
            yield snapshot
            parent = snapshot.get("parent-snapshot-id")
            snapshot_id = int(parent) if parent is not None else None

    def days_between(self, older: int | None, newer: int) -> tuple[str, ...] | None:
        """All days that commits after ``older`` (None: all commits) up to ``newer`` changed; None where some are no longer known."""
        days: set[str] = set()
        parent: Any = None
        for snapshot in self.ancestry(newer):
            if int(snapshot["snapshot-id"]) == older:
                return tuple(sorted(days))
            days |= {day for day in snapshot.get("summary", {}).get(SUMMARY_DAYS, "").split(",") if day}
            parent = snapshot.get("parent-snapshot-id")
        return tuple(sorted(days)) if older is None and parent is None else None

    def is_marked_between(self, name: str, older: int | None, newer: int) -> bool:
        """Whether any commit after ``older`` (None: any commit) up to ``newer`` carries a mark."""
        return any(name in summary for summary in self._summaries_between(older, newer))

    def is_foreign_between(self, older: int | None, newer: int) -> bool:
        """Whether any commit after ``older`` (None: any commit) up to ``newer`` is somebody else's: it carries no merge's number."""
        return any(SUMMARY_RUN not in summary for summary in self._summaries_between(older, newer))

    def _summaries_between(self, older: int | None, newer: int) -> Iterator[Mapping[str, str]]:
        since = takewhile(lambda one: int(one["snapshot-id"]) != older, self.ancestry(newer))
        return (snapshot.get("summary", {}) for snapshot in since)

    @property
    def glue_columns(self) -> list[dict[str, str]]:
        """The current schema as columns of a Glue table."""
        schemas = self.content.get("schemas") or [self.content["schema"]]
        current = self.content.get("current-schema-id", 0)
        schema = next(one for one in schemas if one.get("schema-id", 0) == current)
        return [{"Name": column["name"], "Type": _glue_type(column["type"])} for column in schema["fields"]]


def read_metadata(s3: S3Client, location: str) -> TableMetadata:
    """Read the metadata file at an ``s3://`` location.

    Raises:
        MetadataMissingError: it is not there.
    """
    bucket, _, key = location.removeprefix("s3://").partition("/")
    stored = read_object(s3, bucket, key)
    if stored is None:
        raise MetadataMissingError(f"{location} is missing, the catalog names it: restore that version of the object")
    return TableMetadata(location, json.loads(stored.body))


def read_table(glue: GlueClient, database: str, table: str) -> Mapping[str, Any] | None:
    """Read a catalog table, or None where there is none."""
    try:
        return glue.get_table(DatabaseName=database, Name=table)["Table"]
    except ClientError as error:
        if error_code(error) == "EntityNotFoundException":
            return None
        raise


def read_head(glue: GlueClient, s3: S3Client, database: str, table: str) -> TableMetadata | None:
    """Read the metadata that the catalog names for a table, or None where there is no table."""
    entry = read_table(glue, database, table)
    return read_metadata(s3, entry["Parameters"][METADATA_LOCATION]) if entry else None


def newest_mark(mirror: TableMetadata) -> int:
    """The number of the last merge that wrote a mirror."""
    return mirror.mark(SUMMARY_RUN)


def _glue_type(iceberg_type: Any) -> str:
    if not isinstance(iceberg_type, str):
        raise TypeError(f"a nested column {iceberg_type!r} in a flat table")
    return _GLUE_TYPES.get(iceberg_type, iceberg_type.replace(" ", ""))
