"""Athena answers in its own dialect, format and errors over Iceberg tables, and never pretends to write."""

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
from tests.local_aws.lake import ROWS, TASKS, append_files, append_rows, create_tasks, instant, open_catalog
from tests.local_aws.queries import read_rows, run_query
from tests.local_aws.roles import make_role

Client = Callable[..., Any]
Ask = Callable[..., list[list[str | None]]]


@pytest.fixture(scope="module")
def first_snapshot(client: Client, running: RunningLocalAws) -> int:
    """A workgroup, and the table `queried.tasks` with a second commit behind the returned snapshot."""
    client("s3").create_bucket(Bucket="queried", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client("glue").create_database(DatabaseInput={"Name": "queried"})
    configuration = {
        "EnforceWorkGroupConfiguration": True,
        "ResultConfiguration": {"OutputLocation": "s3://queried/athena/"},
    }
    client("athena").create_work_group(Name="queries", Configuration=configuration)
    table = create_tasks(open_catalog(running.environment), "queried.tasks", "s3://queried/warehouse/tasks", ROWS)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    append_rows(table, [{**ROWS[0], "user_id": "u9", "created_at": instant("2026-11-01T00:00:00")}])
    return snapshot.snapshot_id


@pytest.fixture
def ask(client: Client, first_snapshot: int) -> Ask:
    """Run a query on the database `queried` and give its rows without the header."""

    def run(sql: str, **more: Any) -> list[list[str | None]]:
        return read_rows(
            client("athena"), run_query(client("athena"), sql, workgroup="queries", database="queried", **more)
        )[1:]

    return run


@pytest.fixture
def outcome(client: Client, first_snapshot: int) -> Callable[..., dict[str, Any]]:
    def run(sql: str, **more: Any) -> dict[str, Any]:
        return run_query(client("athena"), sql, workgroup="queries", database="queried", **more)

    return run


def test_values_print_as_athena_prints_them(ask: Ask) -> None:
    assert ask("select * from tasks where user_id < 'u9' order by user_id, position") == [
        ["u1", "0", "2026-11-22 01:02:03.000000", "12.500000", "9007199254740993", "DONE", "[a, b]"],
        ["u1", "1", "2026-11-22 01:02:03.000000", None, None, None, None],
        ["u2", "0", "2026-11-23 23:59:59.999999", "0.000001", "-1", 'say "x", y', "[]"],
        ["u3", "0", "2026-11-24 00:00:00.000000", "-3.000000", "0", "", "[null]"],
    ]


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("true", "true"),
        ("date '2026-01-02'", "2026-01-02"),
        ("1e10", "1.0E10"),
        ("123456.789e0", "123456.789"),
        ("1e-5", "1.0E-5"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 / 2 / 2", "1"),
        ("7 / 2.0", "3.5"),
        ("cast(null as bigint)", None),
        ("decimal '12.50'", "12.50"),
        ("cast(timestamp '2026-01-01 00:00:00' as varchar)", "2026-01-01 00:00:00.000000"),
        ("cast('2026-01-01 10:00:00' as timestamp)", "2026-01-01 10:00:00.000"),
        ("from_iso8601_timestamp('2026-11-24T01:02:03+02:00')", "2026-11-23 23:02:03.000 UTC"),
        (
            "format_datetime(timestamp '2026-01-02 03:04:05.678', 'yyyy-MM-dd''T''HH:mm:ss.SSS')",
            "2026-01-02T03:04:05.678",
        ),
        ("date_format(timestamp '2026-01-02 03:04:05', '%Y-%m-%d %H:%i:%s')", "2026-01-02 03:04:05"),
        ("date_trunc('day', date '2026-01-02')", "2026-01-02"),
        ("date_diff('hour', timestamp '2026-01-01 00:00:00', timestamp '2026-01-02 01:00:00')", "25"),
        ("to_unixtime(timestamp '2026-01-01 00:00:00')", "1.7672256E9"),
        ("try_cast('x' as integer)", None),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("element_at(array['a', 'b'], 2)", "b"),
        ("cardinality(array[1, 2, 3])", "3"),
        ("transform(array[1, 2], x -> x + 1)", "[2, 3]"),
        ("any_match(array[1, 2], x -> x > 1)", "true"),
        ("map(array['a'], array[1])", "{a=1}"),
        ("timestamp '2026-01-01 00:00:00' at time zone 'UTC'", "2026-01-01 00:00:00.000 UTC"),
        ("split_part('a,b', ',', 2)", "b"),
        ("if(1 = 2, 'x', 'y')", "y"),
    ],
)
def test_trinos_expressions_mean_what_trino_means(ask: Ask, expression: str, printed: str | None) -> None:
    assert ask(f"select {expression}") == [[printed]]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select count(*), count_if(big > 0), sum(reward_earned), avg(reward_earned), approx_distinct(user_id) from tasks",
         [["5", "2", "22.000001", "5.500000", "4"]]),
        ("select array_agg(distinct user_id order by user_id) from tasks", [["[u1, u2, u3, u9]"]]),
        ("with last as (select *, row_number() over (partition by user_id order by position desc) rn from tasks) "
         "select user_id, position from last where rn = 1 order by 1", [["u1", "1"], ["u2", "0"], ["u3", "0"], ["u9", "0"]]),
        ("select a.user_id, b.position from tasks a join tasks b on a.user_id = b.user_id and a.position < b.position", [["u1", "1"]]),
        ("select user_id, label from tasks cross join unnest(labels) as u(label) where user_id = 'u1'", [["u1", "a"], ["u1", "b"]]),
        ('select count(*) from "queried"."tasks" t where not exists (select 1 from tasks o where o.user_id = t.user_id '
         "and o.position > t.position)", [["4"]]),
        ("select user_id from tasks where state is null", [["u1"]]),
        ("select t.user_id from tasks t left join tasks o on o.user_id = t.user_id and o.position = 1 "
         "where o.user_id is null order by 1", [["u2"], ["u3"], ["u9"]]),
        ("select count(*) from tasks where created_at < timestamp '2026-11-02 00:00:00' or user_id = 'u3'", [["2"]]),
    ],
)  # fmt: skip
def test_queries_over_tables(ask: Ask, sql: str, rows: list[list[str | None]]) -> None:
    assert ask(sql) == rows


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("created_at >= timestamp '2026-11-23 00:00:00'", "2"),
        ("created_at >= date '2026-11-23' and created_at < date '2026-11-24'", "1"),
        ("date(created_at) = date '2026-11-22'", "2"),
        ("cast(created_at as date) <= date '2026-11-01'", "1"),
        ("date_trunc('day', created_at) > timestamp '2026-11-23 00:00:00'", "1"),
        ("timestamp '2026-11-23 00:00:00' <= created_at", "2"),
        ("created_at between timestamp '2026-11-22 00:00:00' and timestamp '2026-11-22 23:59:59'", "2"),
        ("created_at >= from_iso8601_timestamp('2026-11-24T02:00:00+02:00')", "1"),
        ("date(created_at) in (date '2026-11-01', date '2026-11-24')", "2"),
    ],
)
def test_a_filter_on_created_at_reads_fewer_files_and_the_same_rows(
    outcome: Callable[..., dict[str, Any]], client: Client, condition: str, rows: str
) -> None:
    whole = outcome("select count(*), max(created_at) from tasks")
    pruned = outcome(f"select count(*), max(created_at) from tasks where {condition}")
    assert read_rows(client("athena"), pruned)[1][0] == rows
    assert 0 < pruned["Statistics"]["DataScannedInBytes"] < whole["Statistics"]["DataScannedInBytes"] * 0.7


def test_time_travel_reads_the_snapshot_that_is_named(ask: Ask, first_snapshot: int) -> None:
    assert ask("select count(*) from tasks") == [["5"]]
    assert ask(f"select count(*) from tasks for version as of {first_snapshot}") == [["4"]]
    assert ask(f"select count(*) from tasks for system_version as of {first_snapshot} t where t.user_id = 'u9'") == [
        ["0"]
    ]
    assert ask("select count(*) from tasks for timestamp as of (current_timestamp + interval '1' day)") == [["5"]]


def test_metadata_tables_describe_the_table(ask: Ask, first_snapshot: int) -> None:
    partitions = ask('select "partition", record_count from "tasks$partitions" order by record_count desc limit 1')
    assert partitions == [["{created_at_day=2026-11-22}", "2"]]
    assert ask('select snapshot_id from "tasks$snapshots" order by committed_at limit 1') == [[str(first_snapshot)]]
    assert ask('select count(*), sum(record_count) from "queried"."tasks$files"') == [["4", "5"]]
    assert ask('select count(*) from "tasks$history" where is_current_ancestor') == [["2"]]
    assert ask('select count(*) from "tasks$manifests"') == [["2"]]


def test_catalog_statements(client: Client, outcome: Callable[..., dict[str, Any]], ask: Ask) -> None:
    assert read_rows(client("athena"), outcome("show tables")) == [["tasks"]]
    assert ["queried"] in read_rows(client("athena"), outcome("show databases"))
    described = read_rows(client("athena"), outcome("describe tasks"))
    assert [(row[1] or "").strip() for row in described][2:4] == ["timestamp", "decimal(18,6)"]
    assert ask("select data_type from information_schema.columns where column_name = 'user_id'") == [["varchar"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select 1 from nowhere", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.queried.nowhere' does not exist"),
        ("select 1 from nodb.tasks", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nodb' does not exist"),
        ("select nope from tasks", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("select foo(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered"),
        ("select * from read_text('/etc/passwd')", "FUNCTION_NOT_FOUND: line 1:15: Function 'read_text' not registered"),
        ("select * from '/etc/passwd'", "TABLE_NOT_FOUND"),
        ("select 1 / 0", "DIVISION_BY_ZERO"),
        ("select cast('x' as integer)", "INVALID_CAST_ARGUMENT"),
        ("select 1 from tasks where created_at >= '2026-11-23'",
         "TYPE_MISMATCH: line 1:27: Cannot apply operator: timestamp(6) >= varchar(10)"),
        ("select * from tasks for version as of 12", "INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: 12"),
        ("select user_id, count(*) from tasks", "SYNTAX_ERROR"),
        ("insert into tasks values (1)", "NOT_SUPPORTED: local Athena only reads: INSERT INTO is refused"),
        ("create view v as select 1", "NOT_SUPPORTED: local Athena only reads: CREATE VIEW is refused"),
        ("create table c as select 1 x", "NOT_SUPPORTED"),
        ("unload (select 1) to 's3://queried/x/' with (format = 'PARQUET')", "NOT_SUPPORTED"),
        ("merge into tasks t using tasks s on t.user_id = s.user_id when matched then delete", "NOT_SUPPORTED"),
        ("drop table tasks", "NOT_SUPPORTED"),
        ("explain select 1", "NOT_SUPPORTED"),
    ],
)  # fmt: skip
def test_what_cannot_run_fails_with_its_reason(outcome: Callable[..., dict[str, Any]], sql: str, reason: str) -> None:
    status = outcome(sql)["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith(reason)


@pytest.mark.parametrize("sql", ["selec 1", "select 1 from", "select 1; select 2", ""])
def test_a_malformed_statement_is_refused_when_it_is_submitted(client: Client, first_snapshot: int, sql: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException") as refused:
        client("athena").start_query_execution(QueryString=sql or " ", WorkGroup="queries")
    assert "mismatched input" in str(refused.value) or "Only one sql statement" in str(refused.value)


def test_parameters_fill_the_question_marks_in_order(ask: Ask, client: Client) -> None:
    sql = "select user_id, '?' from tasks where user_id = ? and position = ? -- ?"
    assert ask(sql, ExecutionParameters=["'u1'", "1"]) == [["u1", "?"]]
    with pytest.raises(ClientError, match="expected 1 but found 0"):
        client("athena").start_query_execution(QueryString="select ?", WorkGroup="queries")


def test_results_come_in_pages_with_the_header_once(client: Client, outcome: Callable[..., dict[str, Any]]) -> None:
    athena = client("athena")
    execution = outcome("select x from unnest(sequence(1, 2500)) as u(x) order by x")
    rows = read_rows(athena, execution)
    assert rows[0] == ["x"]
    assert [int(row[0] or 0) for row in rows[1:]] == list(range(1, 2501))
    page = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"], MaxResults=3)
    assert [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] == ["x", "1", "2"]
    column = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]
    assert (column["Name"], column["Type"]) == ("x", "bigint")


def test_the_result_file_lies_where_the_workgroup_says(client: Client, outcome: Callable[..., dict[str, Any]]) -> None:
    execution = outcome("select state, big from tasks where user_id in ('u1', 'u2') order by user_id, position")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://queried/athena/{execution['QueryExecutionId']}.csv"
    body = client("s3").get_object(Bucket="queried", Key=location.removeprefix("s3://queried/"))["Body"].read().decode()
    assert body == '"state","big"\n"DONE","9007199254740993"\n,\n"say ""x"", y","-1"\n'


def test_a_client_request_token_starts_one_query(client: Client, first_snapshot: int) -> None:
    athena, token = client("athena"), str(uuid4())
    request = {"QueryString": "select 1", "WorkGroup": "queries", "ClientRequestToken": token}
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
    glue, workgroup = "arn:aws:glue:*:*:", "arn:aws:athena:*:*:workgroup/queries"
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
        client("athena", credentials), "select count(*) from queried.tasks", workgroup="queries"
    )["Status"]
    return status


def test_stopping_cancels_and_other_requests_are_answered_meanwhile(client: Client, first_snapshot: int) -> None:
    athena = client("athena")
    slow = "select count(*) from unnest(sequence(1, 100000)) a(x) cross join unnest(sequence(1, 1000000)) b(y) where x * y % 7 = 3"
    execution_id = athena.start_query_execution(QueryString=slow, WorkGroup="queries")["QueryExecutionId"]
    assert run_query(athena, "select 1", workgroup="queries")["Status"]["State"] == "SUCCEEDED"
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
    execution = run_query(client("athena"), f"select count(*), max(created_at) from {many}", workgroup="queries")
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
