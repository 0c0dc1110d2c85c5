"""Athena's requests: parameters, pages, the result file, tokens, workgroups and their limits, rights, stopping, lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.lake import ROWS, TASKS, append_files, create_tasks, instant, open_catalog
from tests.local_aws.queries import Workgroup, read_rows, run_query
from tests.local_aws.roles import make_role

Client = Callable[..., Any]


def test_parameters_fill_the_question_marks_in_order(queried: Workgroup, client: Client) -> None:
    sql = "select user_id, '?' from tasks where user_id = ? and position = ? -- ?"
    assert queried.rows(sql, ExecutionParameters=["'u1'", "1"]) == [["u1", "?"]]
    with pytest.raises(ClientError, match="expected 1 but found 0"):
        client("athena").start_query_execution(QueryString="select ?", WorkGroup="queried")


def test_results_come_in_pages_with_the_header_once(client: Client, queried: Workgroup) -> None:
    athena = client("athena")
    execution = queried.run("select x from unnest(sequence(1, 2500)) as u(x) order by x")
    rows = read_rows(athena, execution)
    assert rows[0] == ["x"]
    assert [int(row[0] or 0) for row in rows[1:]] == list(range(1, 2501))
    page = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"], MaxResults=3)
    assert [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] == ["x", "1", "2"]
    column = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]
    assert (column["Name"], column["Type"]) == ("x", "bigint")


def test_the_result_file_lies_where_the_workgroup_says(client: Client, queried: Workgroup) -> None:
    execution = queried.run("select state, big from tasks where user_id in ('u1', 'u2') order by user_id, position")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://queried/athena/{execution['QueryExecutionId']}.csv"
    body = client("s3").get_object(Bucket="queried", Key=location.removeprefix("s3://queried/"))["Body"].read().decode()
    assert body == '"state","big"\n"DONE","9007199254740993"\n,\n"say ""x"", y","-1"\n'


def test_a_client_request_token_starts_one_query(client: Client, first_snapshot: int) -> None:
    athena, token = client("athena"), str(uuid4())
    request = {"QueryString": "select 1", "WorkGroup": "queried", "ClientRequestToken": token}
    first = athena.start_query_execution(**request)["QueryExecutionId"]
    assert athena.start_query_execution(**request)["QueryExecutionId"] == first
    with pytest.raises(ClientError, match="Idempotent"):
        athena.start_query_execution(**{**request, "QueryString": "select 2"})


def test_workgroups_that_are_unknown_or_disabled_or_have_no_location_are_refused(client: Client) -> None:
    athena = client("athena")
    athena.create_work_group(Name="off", Configuration={"ResultConfiguration": {"OutputLocation": "s3://queried/"}})
    athena.update_work_group(WorkGroup="off", State="DISABLED")
    for workgroup, why in (("nowhere", "not found"), ("off", "disabled"), ("primary", "output location")):
        with pytest.raises(ClientError, match=why):
            athena.start_query_execution(QueryString="select 1", WorkGroup=workgroup)


def test_a_query_needs_the_rights_on_workgroup_tables_data_and_result(client: Client, first_snapshot: int) -> None:
    glue, workgroup = "arn:aws:glue:*:*:", "arn:aws:athena:*:*:workgroup/queried"
    tables = [f"{glue}catalog", f"{glue}database/queried", f"{glue}table/queried/tasks"]
    objects = ["arn:aws:s3:::queried/*", "arn:aws:s3:::queried"]
    actions = ["athena:*", "glue:GetDatabase", "glue:GetTable", "s3:GetObject", "s3:PutObject", "s3:GetBucketLocation"]
    make_role(client, "reader", "self", actions, [workgroup, *tables, *objects])
    make_role(
        client, "reader-of-another", "self", actions, [workgroup, *tables[:2], f"{glue}table/queried/other", *objects]
    )
    make_role(client, "reader-without-data", "self", actions, [workgroup, *tables])
    make_role(client, "reader-without-workgroup", "self", actions, [*tables, *objects])
    assert _count_as(client, "reader")["State"] == "SUCCEEDED"
    assert "glue:GetTable" in _count_as(client, "reader-of-another")["StateChangeReason"]
    assert "s3:GetObject" in _count_as(client, "reader-without-data")["StateChangeReason"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        _count_as(client, "reader-without-workgroup")


def _count_as(client: Client, role: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::000000000000:role/{role}"
    credentials = client("sts").assume_role(RoleArn=arn, RoleSessionName=role)["Credentials"]
    status: dict[str, Any] = run_query(
        client("athena", credentials), "select count(*) from queried.tasks", workgroup="queried"
    )["Status"]
    return status


def test_stopping_cancels_and_other_requests_are_answered_meanwhile(client: Client, first_snapshot: int) -> None:
    athena = client("athena")
    slow = "select count(*) from unnest(sequence(1, 100000)) a(x) cross join unnest(sequence(1, 1000000)) b(y) where x * y % 7 = 3"
    execution_id = athena.start_query_execution(QueryString=slow, WorkGroup="queried")["QueryExecutionId"]
    assert run_query(athena, "select 1", workgroup="queried")["Status"]["State"] == "SUCCEEDED"
    athena.stop_query_execution(QueryExecutionId=execution_id)
    assert athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="CANCELLED"):
        athena.get_query_results(QueryExecutionId=execution_id)


@pytest.fixture(scope="module")
def many(client: Client, first_snapshot: int, running: RunningLocalAws) -> str:
    """A table of 100,000 rows in 20 days with more than 10 MB of text."""
    table = create_tasks(open_catalog(running.environment), "queried.many", "s3://queried/warehouse/many", [])
    columns: dict[str, Any] = {name: [value] * 5000 for name, value in ROWS[0].items()}
    columns["state"] = [token_hex(150) for _ in range(5000)]
    rows = pa.table(columns, schema=TASKS.as_arrow())
    place = rows.column_names.index("created_at")
    days = [instant("2026-10-01T00:00:00") + timedelta(days=offset) for offset in range(20)]
    instants = {day.date(): pa.array([day] * 5000, pa.timestamp("us")) for day in days}
    append_files(table, {day: rows.set_column(place, rows.field(place), times) for day, times in instants.items()})
    return "queried.many"


def test_a_hundred_thousand_rows_are_counted_quickly(client: Client, many: str) -> None:
    execution = run_query(client("athena"), f"select count(*), max(created_at) from {many}", workgroup="queried")
    assert read_rows(client("athena"), execution)[1] == ["100000", "2026-10-20 00:00:00.000000"]
    assert execution["Statistics"]["EngineExecutionTimeInMillis"] < 20_000  # 0.5 s on an idle machine


def test_a_scan_limit_cancels_the_query(client: Client, many: str) -> None:
    configuration = {
        "ResultConfiguration": {"OutputLocation": "s3://queried/athena/"},
        "BytesScannedCutoffPerQuery": 10_000_000,
    }
    client("athena").create_work_group(Name="limited", Configuration=configuration)
    status = run_query(client("athena"), f"select max(state) from {many}", workgroup="limited")["Status"]
    assert (status["State"], "Bytes scanned limit" in status["StateChangeReason"]) == ("CANCELLED", True)
    pruned = f"select max(state) from {many} where created_at < date '2026-10-03'"
    assert run_query(client("athena"), pruned, workgroup="limited")["Status"]["State"] == "SUCCEEDED"


def test_executions_are_listed_by_workgroups_that_exist_and_read_fifty_at_once(client: Client) -> None:
    athena = client("athena")
    with pytest.raises(ClientError, match="WorkGroup nowhere is not found"):
        athena.list_query_executions(WorkGroup="nowhere")
    with pytest.raises(ClientError, match="51 ids"):
        athena.batch_get_query_execution(QueryExecutionIds=[str(n) for n in range(51)])
