"""The longest gap of a schedule is the one that the scheduler's own library finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from croniter import croniter

from include.dynamo_lake.declaration.cron import longest_gap


@pytest.mark.parametrize(
    "expression",
    ["*/15 * * * *", "5/20 3 * * *", "0 6 1 * 1", "0 0 */10 * 1", "10 0,12 * 1-3 *", "0 6 * * 7", "0 0 29 2 *"],
)
def test_the_longest_gap_is_the_schedulers(expression: str) -> None:
    firings = croniter(expression, datetime(2024, 1, 1, tzinfo=UTC))
    found = [firings.get_next(datetime) for _ in range(500)]
    within = [one for one in found if one.year < 2036]
    assert longest_gap(expression) == max(later - earlier for earlier, later in pairwise(within))


def test_a_day_that_never_comes_has_no_gap() -> None:
    assert longest_gap("0 0 30 2 *") is None
    assert longest_gap("0 0 31 * *") == timedelta(days=61)
