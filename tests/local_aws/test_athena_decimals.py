"""Decimals are computed exactly, with the scales that Trino gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.local_aws.queries import Workgroup, make_workgroup

Client = Callable[..., Any]

ROWS = (
    "from (values (decimal '12.500000', 0), (decimal '0.000001', 0), (cast(null as decimal(18, 6)), 1), (decimal '-3.000000', 1)) "
    "as t(m, n)"
)
BIG = "cast(999999999999.999999 as decimal(18, 6))"


@pytest.fixture(scope="module")
def workgroup(client: Client) -> Workgroup:
    return make_workgroup(client, "decimals")


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("typeof(1.5)", "decimal(2,1)"),
        ("typeof(0.5)", "decimal(1,1)"),
        ("typeof(1e0)", "double"),
        ("100.0 / 3", "33.3"),
        ("2.0 / 3", "0.7"),
        ("-2.0 / 3", "-0.7"),
        ("-7.5 / 2", "-3.8"),
        ("1.5 / 2e0", "0.75"),
        ("10 % 3.5", "3.0"),
        ("-5.5 % 2", "-1.5"),
        (f"{BIG} * 100", "99999999999999.999900"),
        (f"{BIG} + {BIG}", "1999999999999.999998"),
        (f"{BIG} / 3", "333333333333.333333"),
        (f"{BIG} * {BIG}", "999999999999999998000000.000000000001"),
        (f"{BIG} / 0.000001", "999999999999999999.000000"),
        ("cast(9007199254740993 as decimal(38, 0)) / 1", "9007199254740993"),
        ("round(2.455, 2)", "2.460"),
        ("round(2.5)", "3"),
        ("ceil(7)", "7"),
    ],
)
def test_arithmetic_is_trinos(workgroup: Workgroup, expression: str, printed: str) -> None:
    assert workgroup.rows(f"select {expression}") == [[printed]]


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("avg(m)", "3.166667"),
        ("avg(distinct m)", "3.166667"),
        ("avg(m) filter (where n = 0)", "6.250001"),
        ("avg(m) filter (where n = 2)", None),
        ("sum(m) / count(*)", "2.375000"),
        ("sum(m) / 2.0", "4.750001"),
        ("count(*) * 100.0 / 3", "133.3"),
        ("avg(n)", "0.5"),
        ("avg(cast(9007199254740993 as decimal(18, 0)) + 0 * n)", "9007199254740993"),
        ("approx_percentile(n, 0.5)", "0"),
    ],
)
def test_aggregates_are_trinos(workgroup: Workgroup, expression: str, printed: str | None) -> None:
    assert workgroup.rows(f"select {expression} {ROWS}") == [[printed]]


def test_an_average_over_a_window_is_exact(workgroup: Workgroup) -> None:
    assert workgroup.rows(f"select distinct n, avg(m) over (partition by n) {ROWS} order by n") == [
        ["0", "6.250001"],
        ["1", "-3.000000"],
    ]
