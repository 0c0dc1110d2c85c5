"""The merge job in memory: the plain-Python reference behind the files that a Glue job reads and writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.manifests import BatchManifest
from include.dynamo_lake.names import mirror_table, report_key
from include.dynamo_lake.reference import Batch, Lake, MergeCounts, MergeCrashedError, Row, SourceState, apply_batch
from include.dynamo_lake.reports import RunReport, TableState
from include.dynamo_lake.windows import format_instant
from tests.histories.engine import statements_of
from tests.histories.tables import ChangeFile
from tests.plugins.fakes import FakeGlue, FakeS3

DAYS = "2026-01-01"


@dataclass
class MergeJob:
    """The lake's tables; ``rows``: the target's rows by snapshot, ``files``: what the change files in the bucket hold."""

    pipeline: Pipeline
    s3: FakeS3
    glue: FakeGlue
    bucket: str
    database: str
    files: Mapping[str, ChangeFile]
    rows: dict[int, Mapping[str, tuple[Row, ...]]] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lake = Lake.empty(self.pipeline)
        self.snapshots: dict[str, list[dict[str, Any]]] = {}
        self.known: dict[str, Any] = {}

    def run(self, batch_id: str, manifest_uri: str, crash_before: str | None) -> str:
        """Apply a batch; return the state that its run ends in."""
        manifest = BatchManifest.from_json(self.s3.objects[manifest_uri.removeprefix(f"s3://{self.bucket}/")])
        before = {table: self._head(table) for table in self._tables()}
        try:
            counts = apply_batch(self.lake, self._batch(manifest), crash_before=crash_before)
        except MergeCrashedError:
            self._commit(batch_id)
            return "FAILED"
        self._commit(batch_id)
        # Every deletion is told, and every window is merged: a mirror never shows anything but the truth.
        assert not any(found.differences for found in counts.reconciled.values())
        self.merged.append(batch_id)
        self.s3.objects[report_key(batch_id)] = self._report(manifest, counts, before).to_json().encode()
        return "SUCCEEDED"

    def _batch(self, manifest: BatchManifest) -> Batch:
        exported = [file.key for export in manifest.exports for file in export.files]
        listed = [file.key for file in manifest.inbox if file.key in self.s3.objects]
        files = tuple(self.files[key] for key in (*exported, *listed))
        full = next((item.at for item in manifest.items if isinstance(item, FullExport)), None)
        return Batch(
            manifest.batch_id,
            tuple(statements_of(self.pipeline, files)),
            manifest.now,
            full,
            manifest.covered_through,
            manifest.rebuilds,
            self._state(manifest) if manifest.compared else None,
        )

    def _state(self, manifest: BatchManifest) -> SourceState:
        files = tuple(self.files[file.key] for export in manifest.compared for file in export.files)
        at = manifest.compared[0].item.end
        return SourceState(at, tuple(statements_of(self.pipeline, files)), manifest.repairs)

    def _tables(self) -> dict[str, Any]:
        mirrors = {mirror_table(source): mirror for source, mirror in self.lake.mirrors.items()}
        return {**mirrors, self.pipeline.target.table: self.lake.target}

    def _commit(self, batch_id: str) -> None:
        """A snapshot for every table that changed, with its marks."""
        for name, table in self._tables().items():
            if table is self.known.get(name):
                continue
            self.known[name] = table
            is_target = name == self.pipeline.target.table
            marks = {"lake.run": str(table.derived_through if is_target else table.run), "lake.batch_id": batch_id}
            marks |= {"lake.rebuild": str(table.rebuild)} if not is_target and table.rebuild else {}
            marks |= {"lake.derived_through": str(table.derived_through), "lake.days": DAYS} if is_target else {}
            number = len(self.snapshots.setdefault(name, [])) + 1
            parent = {"parent-snapshot-id": number - 1} if number > 1 else {}
            self.snapshots[name].append({"snapshot-id": number, "sequence-number": number, "summary": marks, **parent})
            if is_target:
                self.rows[number] = dict(table.rows)
            key = f"warehouse/{name}/metadata/{number}.json"
            self.s3.objects[key] = json.dumps(self._metadata(name, number)).encode()
            moved = {"metadata_location": f"s3://{self.bucket}/{key}"}
            self.glue.put_table(self.database, {"Name": name, "Parameters": moved})

    def _metadata(self, name: str, number: int) -> dict[str, Any]:
        return {
            "table-uuid": name,
            "location": f"s3://{self.bucket}/warehouse/{name}",
            "current-snapshot-id": number,
            "snapshots": self.snapshots[name],
            "current-schema-id": 0,
            "schemas": [{"schema-id": 0, "fields": []}],
        }

    def _head(self, name: str) -> int:
        return len(self.snapshots.get(name, []))

    def _table_state(self, name: str, before: int) -> TableState:
        head = self._head(name)
        return TableState(head, f"s3://{self.bucket}/warehouse/{name}/metadata/{head}.json", head != before)

    def _report(self, manifest: BatchManifest, counts: MergeCounts, before: Mapping[str, int]) -> RunReport:
        return RunReport(
            batch_id=manifest.batch_id,
            pipeline=self.pipeline.name,
            job_run_id="",
            run=counts.run,
            started_at=format_instant(manifest.now),
            finished_at=format_instant(manifest.now),
            windows=(),
            full_export_at=None,
            statements=counts.statements,
            rows=counts.rows,
            items=counts.items,
            quarantine=counts.quarantine,
            nulled_fields=counts.nulled_fields,
            repeated_lookup_entries=counts.repeated_lookup_entries,
            tables={name: self._table_state(name, before[name]) for name in self._tables()},
            derived_through=self.lake.target.derived_through,
            days=(DAYS,),
            rows_total=sum(map(len, self.lake.target.rows.values())),
            bytes_written=1,
            peak_memory_bytes=1,
        )
