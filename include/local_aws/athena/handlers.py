"""Athena's operations on query executions."""

from __future__ import annotations

import asyncio
import json

from include.local_aws.athena.errors import MalformedQueryError
from include.local_aws.athena.executions import Execution, executions_of
from include.local_aws.athena.results import CHUNK_ROWS, Row
from include.local_aws.athena.runner import run_execution
from include.local_aws.athena.statements import parse_statement
from include.local_aws.athena.workgroups import get_workgroup, read_terms, workgroup_arn
from include.local_aws.calls import AwsError, Call, Handler, Json
from include.local_aws.core import LocalAws

_LISTED_AT_ONCE = 50


async def start_query_execution(call: Call, aws: LocalAws) -> Json:
    """Take a query, or refuse it: unknown workgroup, malformed statement, no result location."""
    workgroup = str(call.body.get("WorkGroup") or "primary")
    aws.authorize(call, "athena:StartQueryExecution", workgroup_arn(call, workgroup))
    terms = await read_terms(call, aws, workgroup)
    executions, token = executions_of(aws), call.body.get("ClientRequestToken")
    request = {name: value for name, value in call.body.items() if name != "ClientRequestToken"}
    if token and (known := executions.of_token(workgroup, token, request)):
        return {"QueryExecutionId": known}
    execution = _new_execution(call, aws, workgroup, terms.output_prefix, terms.encryption, terms.cutoff_bytes)
    execution.fault = aws.faults.take_outcome(call.target, json.dumps(call.body))
    executions.add(execution)
    if token:
        executions.remember_token(workgroup, token, request, execution.id)
    aws.background(run_execution(execution, aws))
    return {"QueryExecutionId": execution.id}


def _new_execution(
    call: Call, aws: LocalAws, workgroup: str, output_prefix: str, encryption: Json, cutoff_bytes: int | None
) -> Execution:
    parameters = [str(one) for one in call.body.get("ExecutionParameters") or []]
    try:
        statement = parse_statement(str(call.body.get("QueryString") or ""), parameters)
    except MalformedQueryError as error:
        raise AwsError("InvalidRequestException", str(error), AthenaErrorCode="MALFORMED_QUERY") from error
    context = call.body.get("QueryExecutionContext") or {}
    catalog = str(context.get("Catalog") or "awsdatacatalog").lower()
    if catalog != "awsdatacatalog":
        raise AwsError("InvalidRequestException", f"Catalog {catalog} is not known: local Athena knows AwsDataCatalog")
    database = str(context.get("Database") or "").lower()
    return Execution(
        call, statement, workgroup, output_prefix, database, parameters, cutoff_bytes, encryption, aws.clock.now()
    )


async def get_query_execution(call: Call, aws: LocalAws) -> Json:
    return {"QueryExecution": _authorized(call, aws, "athena:GetQueryExecution").as_aws(aws.clock.now())}


async def batch_get_query_execution(call: Call, aws: LocalAws) -> Json:
    """Up to 50 executions; unknown ids and those of workgroups that the caller may not read come back as unprocessed."""
    found, unknown = [], []
    ids = call.body.get("QueryExecutionIds") or []
    if not 1 <= len(ids) <= _LISTED_AT_ONCE:
        raise AwsError("InvalidRequestException", f"{len(ids)} ids: give 1 to {_LISTED_AT_ONCE}")
    for execution_id in ids:
        execution = executions_of(aws).known(execution_id)
        if execution is None:
            reason = f"QueryExecution {execution_id} was not found"
            unknown.append({"QueryExecutionId": execution_id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": reason})
            continue
        aws.authorize(call, "athena:BatchGetQueryExecution", workgroup_arn(call, execution.workgroup))
        found.append(execution.as_aws(aws.clock.now()))
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": unknown}


async def list_query_executions(call: Call, aws: LocalAws) -> Json:
    """Ids of a workgroup, the newest first."""
    workgroup = str(call.body.get("WorkGroup") or "primary")
    aws.authorize(call, "athena:ListQueryExecutions", workgroup_arn(call, workgroup))
    await get_workgroup(aws, workgroup)
    start, size = _page(call, _LISTED_AT_ONCE)
    ids = [one.id for one in executions_of(aws).of_workgroup(workgroup)]
    following = {"NextToken": str(start + size)} if len(ids) > start + size else {}
    return {"QueryExecutionIds": ids[start : start + size], **following}


async def stop_query_execution(call: Call, aws: LocalAws) -> Json:
    """Cancel a query; one that is over stays as it is."""
    execution = _authorized(call, aws, "athena:StopQueryExecution")
    if execution.run is not None:
        execution.run.cancel()
    execution.finish("CANCELLED", aws.clock.now(), "Query was cancelled by a user request")
    return {}


async def get_query_results(call: Call, aws: LocalAws) -> Json:
    """One page of rows; a SELECT's first row is its header. Refused unless the query SUCCEEDED."""
    execution = _authorized(call, aws, "athena:GetQueryResults")
    if execution.state != "SUCCEEDED" or execution.result is None:
        message = f"Query has not yet finished. Current state: {execution.state}"
        if execution.is_over:
            message = f"Query did not finish successfully. Final query state: {execution.state}"
        raise AwsError("InvalidRequestException", message)
    bucket_and_key = execution.output_location.removeprefix("s3://")
    aws.authorize(call, "s3:GetObject", f"arn:aws:s3:::{bucket_and_key}")
    start, size = _page(call, CHUNK_ROWS)
    rows = await asyncio.to_thread(execution.result.read, start, size)
    following = {"NextToken": str(start + size)} if execution.result.total > start + size else {}
    columns = [column.as_aws() for column in execution.result.columns]
    result = {"Rows": [_row(row) for row in rows], "ResultSetMetadata": {"ColumnInfo": columns}}
    return {"UpdateCount": 0, "ResultSet": result, **following}


def _row(row: Row) -> Json:
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in row]}


def _page(call: Call, most: int) -> tuple[int, int]:
    size = int(call.body.get("MaxResults") or most)
    if not 1 <= size <= most:
        raise AwsError("InvalidRequestException", f"MaxResults is {size}: it must be 1 to {most}")
    token = str(call.body.get("NextToken") or "0")
    if not token.isdigit():
        raise AwsError("InvalidRequestException", f"NextToken {token!r} is not one that was given out")
    return int(token), size


def _authorized(call: Call, aws: LocalAws, action: str) -> Execution:
    execution = executions_of(aws).get(str(call.body.get("QueryExecutionId") or ""))
    aws.authorize(call, action, workgroup_arn(call, execution.workgroup))
    return execution


HANDLERS: dict[str, Handler] = {
    "AmazonAthena.StartQueryExecution": start_query_execution,
    "AmazonAthena.GetQueryExecution": get_query_execution,
    "AmazonAthena.BatchGetQueryExecution": batch_get_query_execution,
    "AmazonAthena.ListQueryExecutions": list_query_executions,
    "AmazonAthena.StopQueryExecution": stop_query_execution,
    "AmazonAthena.GetQueryResults": get_query_results,
}
