"""Run Athena queries through boto3 and wait for their end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Workgroup:
    """Queries in one workgroup, on one database; ``given`` stands before every SELECT."""

    athena: Any
    name: str
    database: str = ""
    given: str = ""

    def run(self, sql: str, **more: Any) -> dict[str, Any]:
        """The query's execution in its final state."""
        whole = f"{self.given}{sql}" if sql.startswith("select") else sql
        return run_query(self.athena, whole, workgroup=self.name, database=self.database, **more)

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:
        """The query's rows without the header."""
        return read_rows(self.athena, self.run(sql, **more))[1:]

    def failure(self, sql: str) -> str:
        """Why the query failed."""
        status = self.run(sql)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])


def make_workgroup(
    client: Callable[..., Any], name: str, *, database: str = "", given: str = "", **configuration: Any
) -> Workgroup:
    """A workgroup, and a bucket of the same name for its results."""
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{name}/athena/"}}
    client("athena").create_work_group(Name=name, Configuration={**results, **configuration})
    return Workgroup(client("athena"), name, database, given)
