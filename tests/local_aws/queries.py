"""Run one Athena query through boto3 and wait for its end."""

from __future__ import annotations

import time
from typing import Any


def run_query(athena: Any, sql: str, *, workgroup: str = "primary", database: str = "", **more: Any) -> dict[str, Any]:
    """Start a query and return its QueryExecution in a final state. Raises TimeoutError after 60 seconds."""
    if database:
        more["QueryExecutionContext"] = {"Database": database}
    execution_id = athena.start_query_execution(QueryString=sql, WorkGroup=workgroup, **more)["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return execution
        time.sleep(0.05)
    raise TimeoutError(f"query {execution_id} did not end")


def read_rows(athena: Any, execution: dict[str, Any]) -> list[list[str | None]]:
    """All rows of a finished query, the header first."""
    if execution["Status"]["State"] != "SUCCEEDED":
        raise AssertionError(f"{execution['Query']}: {execution['Status']}")
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
    return [[value.get("VarCharValue") for value in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
