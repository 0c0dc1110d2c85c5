"""Run one query in a worker thread: plan the scans, load what they give, let DuckDB compute, spool the rows."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from sqlglot import exp

from include.local_aws.athena import duck
from include.local_aws.athena.errors import QueryCancelledError, QueryFailedError
from include.local_aws.athena.metadata_tables import read_metadata_table
from include.local_aws.athena.pushdown import scan_filter
from include.local_aws.athena.references import Reference, columns_named
from include.local_aws.athena.results import ResultSet, spool_rows
from include.local_aws.athena.scans import (
    Plan,
    open_table,
    plan_scan,
    read_batches,
    schema_at,
    snapshot_at,
    snapshot_of_version,
)
from include.local_aws.athena.translation import qualified, to_duckdb
from include.local_aws.calls import Settings
from include.local_aws.clock import Clock

Sources = Mapping[int, "str | pa.Table"]
"""By the identity of a reference's node: the Iceberg metadata location, or the rows of a schema table."""


class QueryRun:
    """One query; `cancel` may be called from another thread."""

    def __init__(
        self,
        tree: exp.Query,
        references: Sequence[Reference],
        sources: Sources,
        settings: Settings,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._tree = tree
        self._references = references
        self._sources = sources
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._cancelled = threading.Event()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.bytes_scanned = 0

    def cancel(self) -> None:
        """Make `run` raise QueryCancelledError soon."""
        self._cancelled.set()
        if self._connection is not None:
            self._connection.interrupt()

    def run(self, cutoff_bytes: int | None) -> ResultSet:
        """Run to the end. Raises QueryFailedError or QueryCancelledError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        connection = self._connection = duck.connect(self._folder / "spill")
        try:
            return self._run(connection, cutoff_bytes)
        except duckdb.InterruptException as error:
            raise QueryCancelledError("Query was cancelled by a user request") from error
        except duckdb.Error as error:
            self._check_cancelled()
            raise duck.explain_failure(error, self._tree) from error
        finally:
            self._connection = None
            connection.close()

    def _run(self, connection: duckdb.DuckDBPyConnection, cutoff_bytes: int | None) -> ResultSet:
        for index, reference in enumerate(self._references):
            self._check_cancelled()
            self._load(connection, reference, f"source_{index}", cutoff_bytes)
        names = [f"source_{index}" for index in range(len(self._references))]
        schema = {name: _columns(connection, name) for name in names}
        columns, rows = self._execute(connection, self._with_sources(), schema)
        return spool_rows(rows, columns, self._folder / "rows.jsonl", with_header=True)

    def _execute(self, connection: duckdb.DuckDBPyConnection, tree: exp.Query, schema: Mapping[str, Any]) -> Any:
        names, wide = _titles(tree)
        return duck.run(connection, to_duckdb(qualified(tree, schema)), names, wide)

    def _load(
        self, connection: duckdb.DuckDBPyConnection, reference: Reference, name: str, cutoff_bytes: int | None
    ) -> None:
        source = self._sources[id(reference.node)]
        if isinstance(source, pa.Table):
            duck.load(connection, name, source)
            return
        table = open_table(source, self._settings)
        snapshot = self._snapshot(connection, reference, table)
        if reference.metadata:
            duck.load(connection, name, read_metadata_table(table, reference.metadata, snapshot, self._clock))
            return
        self._load_rows(connection, self._plan(connection, reference, table, snapshot), name, cutoff_bytes)

    def _snapshot(self, connection: duckdb.DuckDBPyConnection, reference: Reference, table: Table) -> Snapshot | None:
        if reference.travel is None:
            return table.current_snapshot()
        name = f'"{reference.database}"."{reference.table}"'
        try:
            operand = duck.evaluate(connection, reference.travel)
        except ValueError as error:
            raise QueryFailedError("INVALID_ARGUMENTS", f"{reference.travel.sql('trino')} is not a constant") from error
        if reference.travel_by == "timestamp":
            return snapshot_at(table, operand, name, self._clock)
        return snapshot_of_version(table, operand, name)

    def _plan(
        self, connection: duckdb.DuckDBPyConnection, reference: Reference, table: Table, snapshot: Snapshot | None
    ) -> Plan:
        schema = schema_at(table, snapshot)
        names = [field.name for field in schema.fields]
        row_filter = scan_filter(reference.node, schema, lambda one: duck.evaluate(connection, one))
        plan = plan_scan(table, snapshot, columns_named(self._tree, names), row_filter)
        if plan.columns.fields or plan.row_count is not None:
            return plan
        return plan_scan(table, snapshot, names[:1], row_filter)  # rows are counted where files have deletes

    def _load_rows(
        self, connection: duckdb.DuckDBPyConnection, plan: Plan, name: str, cutoff_bytes: int | None
    ) -> None:
        self.bytes_scanned += plan.bytes_scanned
        if cutoff_bytes is not None and self.bytes_scanned > cutoff_bytes:
            raise QueryCancelledError(f"Bytes scanned limit was exceeded: {self.bytes_scanned} of {cutoff_bytes} bytes")
        if plan.columns.fields:
            duck.load(connection, name, read_batches(plan))
        else:
            connection.execute(f'CREATE TEMP TABLE "{name}" AS SELECT 0 AS nothing FROM range({plan.row_count})')  # noqa: S608

    def _with_sources(self) -> exp.Query:
        """The tree with each stored table replaced by what was loaded for it, under the name that the query uses."""
        for index, reference in enumerate(self._references):
            alias = reference.node.alias or reference.node.name
            reference.node.set("this", exp.to_identifier(f"source_{index}", quoted=True))
            for part in ("db", "catalog", "version"):
                reference.node.set(part, None)
            if not reference.node.alias:
                reference.node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        return self._tree

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise QueryCancelledError("Query was cancelled by a user request")


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Column types of a loaded table, as sqlglot reads them in Trino's dialect."""
    rows = connection.execute(f'SELECT column_name, column_type FROM (DESCRIBE "{name}")').fetchall()  # noqa: S608
    return {str(column): exp.DataType.build(str(kind), dialect="duckdb").sql("trino") for column, kind in rows}


def _titles(tree: exp.Query) -> tuple[list[str | None], set[int]]:
    """Column names as Athena gives them (`_col1` for an expression), and the places of plain columns."""
    projections = tree.selects
    if any(one.is_star for one in projections):
        return [], set()
    names = [_title(one, index) for index, one in enumerate(projections)]
    return list(names), {index for index, one in enumerate(projections) if isinstance(one.unalias(), exp.Column)}


def _title(projection: exp.Expr, index: int) -> str:
    named = isinstance(projection, exp.Alias | exp.Column | exp.Dot)
    return projection.alias_or_name if named else f"_col{index}"
