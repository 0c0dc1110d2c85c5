"""What Athena refuses for its types or its syntax is refused here, where DuckDB would convert or understand it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.queries import Workgroup, make_workgroup

Client = Callable[..., Any]

ROWS = (
    "with tasks as (select timestamp '2026-11-24 00:00:00' as created_at, cast('u1' as varchar) as user_id, 0 as position, "
    "cast(2.5 as decimal(18, 6)) as reward, array['a', 'b'] as labels)\n"
)


@pytest.fixture(scope="module")
def workgroup(client: Client) -> Workgroup:
    """`tasks` is a table of one row."""
    return make_workgroup(client, "types", given=ROWS)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select 1 from tasks where date(created_at) = '2026-11-24'", "operator: date = varchar(10)"),
        ("select 1 from tasks where date_trunc('day', created_at) = '2026-11-24'", "operator: timestamp(6) = varchar(10)"),
        ("select 1 from tasks where created_at between '2026-11-23' and '2026-11-25'",
         "Cannot check if timestamp(6) is BETWEEN varchar(10) and varchar(10)"),
        ("select 1 from tasks where position in ('0')", "IN value and list items must be of the same type: integer, varchar(1)"),
        ("select 1 from tasks where user_id in (select position from tasks)", "of the same type: varchar, integer"),
        ("select 1 from tasks where year(created_at) = '2026'", "operator: bigint = varchar(4)"),
        ("select user_id from tasks group by user_id having max(created_at) >= '2026-11-23'", "timestamp(6) >= varchar(10)"),
        ("select reward + 1 > '5' from tasks", "operator: decimal(19,6) > varchar(1)"),
        ("select position + '1' from tasks", "operator: integer + varchar(1)"),
        ("select 1 from tasks where user_id = 1", "operator: varchar = integer"),
        ("select 1 from tasks a join tasks b on a.user_id = b.position", "operator: varchar = integer"),
        ("select 1 from tasks where position", "WHERE must evaluate to a boolean (actual: integer)"),
        ("select 1 from tasks where not position", "NOT must evaluate to a boolean (actual: integer)"),
        ("select 1 from tasks where position and true", "AND must evaluate to a boolean (actual: integer)"),
        ("select case when position then 1 end from tasks", "IF must evaluate to a boolean (actual: integer)"),
        ("select case position when '0' then 1 end from tasks", "All CASE operands must be the same type"),
        ("select if(true, user_id, position) from tasks", "All IF results must be the same type"),
        ("select coalesce(user_id, 0) from tasks", "All COALESCE operands must be the same type"),
        ("select date_diff('day', '2026-11-01', created_at) from tasks", "All DATEDIFF operands must be the same type"),
        ("select user_id from tasks union select position from tasks",
         "column 1 in UNION query has incompatible types: varchar, integer"),
        ("select x from (values (1), ('a')) as t(x)", "All VALUES rows must be the same type"),
        ("select user_id || position from tasks", "Unexpected parameters (varchar, integer) for function concat"),
        ("select concat(user_id, position) from tasks", "Unexpected parameters (varchar, integer) for function concat"),
        ("select sum(position = 1) from tasks", "Unexpected parameters (boolean) for function sum"),
        ("select upper(position) from tasks", "Unexpected parameters (integer) for function upper"),
        ("select year(user_id) from tasks", "Unexpected parameters (varchar) for function year"),
        ("select position like '0' from tasks", "Left side of LIKE expression must evaluate to a varchar (actual: integer)"),
    ],
)  # fmt: skip
def test_types_that_do_not_go_together_are_a_mismatch(workgroup: Workgroup, sql: str, told: str) -> None:
    failure = workgroup.failure(sql)
    assert re.match("TYPE_MISMATCH|FUNCTION_NOT_FOUND", failure)
    assert told in failure


@pytest.mark.parametrize(
    "condition",
    [
        "created_at > date '2026-11-23' and created_at < current_timestamp",
        "created_at - interval '1' day < created_at and created_at - timestamp '2026-11-23 00:00:00' = interval '1' day",
        "position = 0.0 and position < 1e0 and reward between 2 and 3e0",
        "user_id || 'x' = 'u1x' and contains(labels || array['c'], 'c')",
        "coalesce(null, position) = 0 and nullif(user_id, 'u2') = 'u1'",
        "position = any (select 0) and position in (select 0) and (position, user_id) in (select 0, 'u1')",
        "date('2026-11-24') = date(created_at) and cast(position as varchar) = '0'",
        "case position when 0 then user_id end = 'u1' and if(position = 0, reward, 1) = 2.5",
    ],
)
def test_types_that_go_together_pass(workgroup: Workgroup, condition: str) -> None:
    assert workgroup.rows(f"select count(*) from tasks where {condition}") == [["1"]]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select strftime(created_at, '%Y') from tasks", "FUNCTION_NOT_FOUND: line 2:8: Function 'strftime' not registered"),
        ("select epoch(created_at) from tasks", "Function 'epoch' not registered"),
        ("select list(position) from tasks", "Function 'list' not registered"),
        ("select first(user_id) from tasks", "Function 'first' not registered"),
        ("select range(3)", "Function 'range' not registered"),
        ("select string_agg(user_id, ',') from tasks", "Function 'string_agg' not registered"),
        ("select user_id as u from tasks where u = 'u1'", "COLUMN_NOT_FOUND"),
        ("select user_id, count(*) as c from tasks group by user_id having c > 0", "Column 'c' cannot be resolved"),
        ("select user_id as u, count(*) from tasks group by u", "Column 'u' cannot be resolved"),
        ("select position + 1 as p, p + 1 from tasks", "Column 'p' cannot be resolved"),
        ("select labels[3] from tasks", "Array subscript must be less than or equal to array length"),
        ("select labels[position + 1] from tasks", "use element_at"),
        ("select split('a,b', ',', 1)", "split without a limit"),
        ("select cast('1.5' as integer)", "INVALID_CAST_ARGUMENT"),
        ("select cast('yes' as boolean)", "INVALID_CAST_ARGUMENT"),
    ],
)  # fmt: skip
def test_what_only_duckdb_knows_fails(workgroup: Workgroup, sql: str, told: str) -> None:
    assert told in workgroup.failure(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select * exclude (user_id) from tasks",
        "select user_id, count(*) from tasks group by all",
        "select user_id from tasks order by all",
        "select user_id from tasks limit 2 offset 1",
        "select user_id from tasks limit 1 + 1",
        "from tasks",
        "select a from (from tasks)",
        "select a, from tasks",
        "select distinct on (user_id) user_id from tasks",
        "select position::varchar from tasks",
        "select [1, 2]",
        "select {'a': 1}",
        "select a -> 'b' from tasks",
        "select user_id ilike 'U1' from tasks",
        "select interval 1 day",
        "select cast(position as string) from tasks",
        "select 1 from tasks a join tasks b",
        "select time(created_at) from tasks",
        "select cast(user_id as char(3)) from tasks",
        "select 1 union by name select 2",
        "select user_id from tasks tablesample bernoulli (10)",
    ],
)
def test_syntax_that_only_duckdb_has_is_refused_when_it_is_submitted(workgroup: Workgroup, sql: str) -> None:
    with pytest.raises(ClientError, match="mismatched input"):
        workgroup.run(sql)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select x from unnest(sequence(1, 4)) as u(x) order by x offset 1 limit 2", [["2"], ["3"]]),
        ("select position + 1 as p from tasks order by p", [["1"]]),
        ("select user_id, count(*) as c from tasks group by 1 having count(*) > 0 order by c", [["u1", "1"]]),
        ("select date(created_at) as created_at from tasks group by 1, reward "
         "having min(created_at) > timestamp '2026-11-23 12:00:00'", [["2026-11-24"]]),
        ("with t(n) as (select 1) select n from t", [["1"]]),
        ("select user_id from tasks fetch first 1 rows only", [["u1"]]),
    ],
)  # fmt: skip
def test_syntax_of_trino_runs(workgroup: Workgroup, sql: str, rows: list[list[str]]) -> None:
    assert workgroup.rows(sql) == rows
