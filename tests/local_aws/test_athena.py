"""Athena answers in its own dialect, format and errors over Iceberg tables, and never pretends to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.queries import Workgroup, read_rows

Client = Callable[..., Any]


def test_values_print_as_athena_prints_them(queried: Workgroup) -> None:
    assert queried.rows("select * from tasks where user_id < 'u9' order by user_id, position") == [
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
def test_trinos_expressions_mean_what_trino_means(queried: Workgroup, expression: str, printed: str | None) -> None:
    assert queried.rows(f"select {expression}") == [[printed]]


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
def test_queries_over_tables(queried: Workgroup, sql: str, rows: list[list[str | None]]) -> None:
    assert queried.rows(sql) == rows


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
    queried: Workgroup, client: Client, condition: str, rows: str
) -> None:
    whole = queried.run("select count(*), max(created_at) from tasks")
    pruned = queried.run(f"select count(*), max(created_at) from tasks where {condition}")
    assert read_rows(client("athena"), pruned)[1][0] == rows
    assert 0 < pruned["Statistics"]["DataScannedInBytes"] < whole["Statistics"]["DataScannedInBytes"] * 0.7


def test_time_travel_reads_the_snapshot_that_is_named(queried: Workgroup, first_snapshot: int) -> None:
    assert queried.rows("select count(*) from tasks") == [["5"]]
    assert queried.rows(f"select count(*) from tasks for version as of {first_snapshot}") == [["4"]]
    assert queried.rows(
        f"select count(*) from tasks for system_version as of {first_snapshot} t where t.user_id = 'u9'"
    ) == [["0"]]
    assert queried.rows("select count(*) from tasks for timestamp as of (current_timestamp + interval '1' day)") == [
        ["5"]
    ]


def test_metadata_tables_describe_the_table(queried: Workgroup, first_snapshot: int) -> None:
    partitions = queried.rows(
        'select "partition", record_count from "tasks$partitions" order by record_count desc limit 1'
    )
    assert partitions == [["{created_at_day=2026-11-22}", "2"]]
    assert queried.rows('select snapshot_id from "tasks$snapshots" order by committed_at limit 1') == [
        [str(first_snapshot)]
    ]
    assert queried.rows('select count(*), sum(record_count) from "queried"."tasks$files"') == [["4", "5"]]
    assert queried.rows('select count(*) from "tasks$history" where is_current_ancestor') == [["2"]]
    assert queried.rows('select count(*) from "tasks$manifests"') == [["2"]]


def test_catalog_statements(client: Client, queried: Workgroup) -> None:
    assert read_rows(client("athena"), queried.run("show tables")) == [["tasks"]]
    assert ["queried"] in read_rows(client("athena"), queried.run("show databases"))
    described = read_rows(client("athena"), queried.run("describe tasks"))
    assert [(row[1] or "").strip() for row in described][2:4] == ["timestamp", "decimal(18,6)"]
    assert queried.rows("select data_type from information_schema.columns where column_name = 'user_id'") == [
        ["varchar"]
    ]


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
def test_what_cannot_run_fails_with_its_reason(queried: Workgroup, sql: str, reason: str) -> None:
    assert queried.failure(sql).startswith(reason)


@pytest.mark.parametrize("sql", ["selec 1", "select 1 from", "select 1; select 2", ""])
def test_a_malformed_statement_is_refused_when_it_is_submitted(client: Client, first_snapshot: int, sql: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException") as refused:
        client("athena").start_query_execution(QueryString=sql or " ", WorkGroup="queried")
    assert "mismatched input" in str(refused.value) or "Only one sql statement" in str(refused.value)
