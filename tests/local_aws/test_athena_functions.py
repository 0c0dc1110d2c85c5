"""Athena's functions answer as Trino's do where DuckDB's of the same name answer otherwise, or say that they do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_aws.queries import Workgroup, make_workgroup

Client = Callable[..., Any]

ONE_ROW = (
    "from (select timestamp '2026-01-01 20:00:00' as t, date '2026-01-31' as d, "
    "cast(1.5 as decimal(18, 6)) as m, cast('abc' as varchar) as s)"
)


@pytest.fixture(scope="module")
def workgroup(client: Client) -> Workgroup:
    return make_workgroup(client, "functions")


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("date_diff('day', timestamp '2026-01-01 23:00:00', timestamp '2026-01-02 01:00:00')", "0"),
        ("date_diff('day', timestamp '2026-01-02 01:00:00', timestamp '2026-01-01 23:00:00')", "0"),
        ("date_diff('hour', timestamp '2026-01-01 23:59:00', timestamp '2026-01-02 00:01:00')", "0"),
        ("date_diff('week', date '2026-01-31', date '2026-02-28')", "4"),
        ("d + interval '1' day", "2026-02-01"),
        ("date_add('month', 1, d)", "2026-02-28"),
        ("t - interval '1' day", "2025-12-31 20:00:00.000000"),
        ("d - date '2026-01-30'", "1 00:00:00.000"),
        ("t - timestamp '2026-01-03 21:00:00'", "-2 01:00:00.000"),
        ("interval '14' month", "1-2"),
        ("extract(dow from d)", "6"),
        ("extract(dow from date '2026-02-01')", "7"),
        ("millisecond(timestamp '2026-01-01 10:11:12.345')", "345"),
        ("cast(parse_datetime('2026-01-02', 'yyyy-MM-dd') as date)", "2026-01-02"),
        ("date(t at time zone 'Asia/Bangkok')", "2026-01-02"),
        ("hour(t at time zone 'Asia/Bangkok')", "3"),
        ("cast(at_timezone(t, 'Asia/Bangkok') as timestamp)", "2026-01-02 03:00:00.000"),
        ("cast(date_trunc('day', t at time zone 'Asia/Bangkok') as date)", "2026-01-02"),
        ("t at time zone 'UTC'", "2026-01-01 20:00:00.000 UTC"),
        ("with_timezone(t, 'UTC') at time zone 'UTC'", "2026-01-01 20:00:00.000 UTC"),
        ("regexp_replace('a1b2', '([0-9])', '<$1>')", "a<1>b<2>"),
        ("regexp_replace('a1', '[0-9]', '\\$')", "a$"),
        ("regexp_extract(s, 'x')", None),
        ("regexp_extract('a1', '([a-z])([0-9])', 2)", "1"),
        ("split_part('a-b', '-', 3)", None),
        ("format('%s-%d', s, 1)", "abc-1"),
        ("row(1, s)", "{field0=1, field1=abc}"),
        ("cast(row(1, s) as row(a integer, b varchar))", "{a=1, b=abc}"),
        ("typeof(t)", "timestamp(6)"),
        ("typeof(m)", "decimal(18,6)"),
        ("typeof('ab')", "varchar(2)"),
        ("to_iso8601(t)", "2026-01-01T20:00:00.000000"),
        ("to_iso8601(d)", "2026-01-31"),
        ("to_iso8601(from_iso8601_timestamp('2026-01-01T00:00:00Z'))", "2026-01-01T00:00:00.000Z"),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a')", None),
        ("json_array_length('{}')", None),
        ("substr(s, 0)", ""),
        ("substr(s, 2)", "bc"),
        ("cast(s as varchar(2))", "ab"),
        ("cast(from_iso8601_timestamp('2026-01-01T00:00:00Z') as varchar)", "2026-01-01 00:00:00.000 UTC"),
        ("reverse(array[1, 2])", "[2, 1]"),
        ("sequence(3, 1)", "[3, 2, 1]"),
        ("sequence(d, d + interval '1' day, interval '1' day)", "[2026-01-31, 2026-02-01]"),
        ("every(m > 1)", "true"),
        ("is_nan(nan())", "true"),
    ],
)
def test_a_function_means_what_trino_means(workgroup: Workgroup, expression: str, printed: str | None) -> None:
    assert workgroup.rows(f"select {expression} {ONE_ROW}") == [[printed]]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("t at time zone 'Europe/Berlin'", "zoned times only in UTC"),
        ("date_trunc('day', t at time zone 'Europe/Berlin')", "zoned times only in UTC"),
        ("with_timezone(t, 'Europe/Berlin')", "zoned times only in UTC"),
        ("typeof(d + interval '1' day)", "typeof only of a column"),
        ("cast(1e10 as varchar)", "no double to a varchar"),
        ("cast(1 as varchar(2))", "only texts to a varchar of a length"),
        ('"$path"', r"hidden column \$path"),
    ],
)
def test_a_function_without_an_equal_is_refused(workgroup: Workgroup, expression: str, reason: str) -> None:
    failure = workgroup.failure(f"select {expression} {ONE_ROW}")
    assert "NOT_SUPPORTED" in failure
    assert re.search(reason, failure)
