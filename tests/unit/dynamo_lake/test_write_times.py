"""Percentiles of write times, and the latency that follows from them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.reports import build_write_times

NOW_S = 1_795_485_600
NOW = datetime.fromtimestamp(NOW_S, UTC)


def test_without_changes_there_are_none() -> None:
    assert build_write_times([]) is None


def test_one_change_is_every_percentile() -> None:
    written = build_write_times([NOW_S - 7])
    assert written is not None
    assert written.changes == 1
    assert written.latency_s(NOW) == {"p50": 7, "p95": 7, "max": 7}


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=200))
def test_the_stated_share_of_changes_took_no_longer(ages: list[int]) -> None:
    written = build_write_times(NOW_S - age for age in ages)
    assert written is not None
    latency = written.latency_s(NOW)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0)):
        within = sum(age <= latency[name] for age in ages)
        assert within >= share * len(ages)
        assert latency[name] in ages
