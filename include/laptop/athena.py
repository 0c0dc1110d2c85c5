"""Query Athena (or its stand-in) and wait for the rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from include.dynamo_lake.errors import TerminalError

CEILING_S = 300
POLL_S = 0.2
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")

TextRow = tuple[str | None, ...]


@dataclass(frozen=True)
class Answer:
    """Column names, rows as Athena prints them (None for null), and the bytes that the query scanned."""

    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]
    bytes_scanned: int


def query(athena: Any, workgroup: str, sql: str) -> Answer:
    """Run one statement and read all its rows; raise ``TerminalError`` with Athena's reason when it fails."""
    execution_id = athena.start_query_execution(QueryString=sql, WorkGroup=workgroup)["QueryExecutionId"]
    execution = _wait(athena, execution_id)
    if execution["Status"]["State"] != "SUCCEEDED":
        reason = execution["Status"].get("StateChangeReason", "no reason given")
        raise TerminalError(f"Athena {execution['Status']['State']}: {reason}; the statement was: {sql}")
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id)
    table = [
        tuple(cell.get("VarCharValue") for cell in row["Data"]) for page in pages for row in page["ResultSet"]["Rows"]
    ]
    columns = tuple(name or "" for name in table[0]) if table else ()
    return Answer(columns, tuple(table[1:]), execution["Statistics"]["DataScannedInBytes"])


def render_table(answer: Answer, limit: int = 20) -> str:
    """The first rows in columns, for a terminal."""
    shown = [answer.columns, *(tuple("" if cell is None else cell for cell in row) for row in answer.rows[:limit])]
    widths = [max(len(row[index]) for row in shown) for index in range(len(answer.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _wait(athena: Any, execution_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + CEILING_S
    while True:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        if execution["Status"]["State"] in FINAL:
            return execution
        if time.monotonic() > deadline:
            raise TerminalError(
                f"Athena query {execution_id} took more than {CEILING_S} s: look at it in the workgroup's history"
            )
        time.sleep(POLL_S)
