"""The batch manifest, and AWS's export manifests that it is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from include.dynamo_lake.coverage import PlanItem, item_from_json, item_id, item_to_json
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.names import EXPORTS_PREFIX
from include.dynamo_lake.windows import Window, compact_instant, format_instant, parse_instant

Action = Literal["merge", "compare", "repair", "rebuild", "repair_and_rebuild"]


@dataclass(frozen=True)
class ExportFile:
    """One data file of an export: ``records`` lines, ``md5`` of the gzip object in base64."""

    key: str
    records: int
    bytes: int
    md5: str
    etag: str


@dataclass(frozen=True)
class SourceExport:
    """A finished export of one planned item of one source, with the files that its own manifest names."""

    source: str
    item: PlanItem
    export_arn: str
    prefix: str
    files: tuple[ExportFile, ...]

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files)


@dataclass(frozen=True)
class InboxFile:
    """One change file of the stream Lambda."""

    source: str
    key: str
    bytes: int
    etag: str


@dataclass(frozen=True)
class BatchManifest:
    """What one run applies; all that the Glue job knows of it.

    ``now``: AWS's present when the batch was built. ``compared``: full exports of every source at one instant, beside the
    plan: what the mirrors are compared with once everything else is applied.
    """

    batch_id: str
    pipeline: str
    dag_id: str
    run_id: str
    now: datetime
    covered_through: datetime | None
    items: tuple[PlanItem, ...]
    replayed: tuple[Window, ...]
    exports: tuple[SourceExport, ...]
    inbox: tuple[InboxFile, ...]
    action: Action = "merge"
    compared: tuple[SourceExport, ...] = ()

    @property
    def repairs(self) -> bool:
        """Whether what the comparison finds is put right."""
        return self.action in {"repair", "repair_and_rebuild"}

    @property
    def rebuilds(self) -> bool:
        """Whether target and quarantine are made anew from the mirrors."""
        return self.action in {"rebuild", "repair_and_rebuild"}

    @property
    def records(self) -> int:
        """Statements in the exports; inbox files are counted when they are read."""
        return sum(export.records for export in self.exports)

    def to_json(self) -> str:
        value: dict[str, Any] = {"version": 1, **asdict(self)}
        value["now"] = format_instant(self.now)
        value["covered_through"] = format_instant(self.covered_through) if self.covered_through else None
        value["items"] = [item_to_json(item) for item in self.items]
        value["replayed"] = [item_to_json(window) for window in self.replayed]
        for name, exports in (("exports", self.exports), ("compared", self.compared)):
            value[name] = [{**asdict(export), "item": item_to_json(export.item)} for export in exports]
        return json.dumps(value, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> BatchManifest:
        value: dict[str, Any] = json.loads(text)
        if value.pop("version", None) != 1:
            raise ChangeFileError(
                "The batch manifest has a version that this code does not read: deploy the code that wrote it"
            )
        covered = value["covered_through"]
        replayed = tuple(item_from_json(item) for item in value["replayed"])
        return BatchManifest(**{
            **value,
            "now": parse_instant(value["now"]),
            "covered_through": parse_instant(covered) if covered else None,
            "items": tuple(item_from_json(item) for item in value["items"]),
            "replayed": tuple(item for item in replayed if isinstance(item, Window)),
            "exports": tuple(_export_from_json(export) for export in value["exports"]),
            "inbox": tuple(InboxFile(**file) for file in value["inbox"]),
            "compared": tuple(_export_from_json(export) for export in value.get("compared", [])),
        })


def with_batch_id(manifest: BatchManifest, nonce: str) -> BatchManifest:
    """Name the batch after its content, its run and the plan's ``nonce``: a retry builds the same id, a cleared run another."""
    content = replace(manifest, batch_id="").to_json() + nonce
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return replace(manifest, batch_id=f"{compact_instant(manifest.now)}-{digest}")


def export_prefix(source: str, item: PlanItem) -> str:
    """The ``S3Prefix`` of the export of one item: one LIST below it finds a finished export."""
    return f"{EXPORTS_PREFIX}{source}/{item_id(item)}/"


def parse_export_files(summary: bytes, manifest_files: bytes) -> tuple[ExportFile, ...]:
    """Read ``manifest-summary.json`` and the JSON lines of ``manifest-files.json``; sizes are filled in by the caller (0 here).

    Raise ``ChangeFileError`` where the lines do not add up to the summary's ``itemCount``.
    """
    total = int(json.loads(summary)["itemCount"])
    entries = [json.loads(line) for line in manifest_files.splitlines() if line.strip()]
    files = tuple(_export_file(entry) for entry in entries)
    counted = sum(file.records for file in files)
    if counted != total:
        raise ChangeFileError(
            f"The export's manifest names {counted} items in {len(files)} files, its summary {total}: the export is not "
            "whole. Delete everything below its prefix and clear export, which exports it again"
        )
    return files


def _export_file(entry: Mapping[str, Any]) -> ExportFile:
    return ExportFile(
        key=entry["dataFileS3Key"],
        records=int(entry["itemCount"]),
        bytes=0,
        md5=entry["md5Checksum"],
        etag=entry["etag"],
    )


def _export_from_json(value: Mapping[str, Any]) -> SourceExport:
    files = tuple(ExportFile(**file) for file in value["files"])
    return SourceExport(**{**value, "item": item_from_json(value["item"]), "files": files})
