"""Delivery of one batch against random functions: nothing is lost, nothing is out of order, the culprit alone is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from include.local_aws.base_functions import StreamName
from include.local_aws.stream_mapping.delivery import AGE_EXCEEDED, Attempt, Invocation, deliver
from include.local_aws.stream_mapping.model import StreamMapping

NOW_S = 1_000_000
LIMIT_S = 100


def mapping(*, bisects: bool, partial: bool, retries: int) -> StreamMapping:
    stream = StreamName("arn:aws:dynamodb:r:1:table/t/stream/l", "1", "r", "t")
    return StreamMapping("u", stream, "f", "1", "r", True, 100, 0, 1, bisects, partial, retries, LIMIT_S, None)


class Function:
    """Fails every call that holds a culprit: names its record, or raises."""

    def __init__(self, culprits: set[int], *, names_them: bool) -> None:
        self.culprits, self.names_them = culprits, names_them
        self.calls: list[list[int]] = []
        self.done: list[int] = []
        self.given_up: list[tuple[list[int], str]] = []

    def now_s(self) -> float:
        return NOW_S

    async def pause(self, failures: int) -> None:
        assert failures >= 0

    async def invoke(self, records: Sequence[dict[str, Any]]) -> Invocation:
        numbers = _numbers(records)
        self.calls.append(numbers)
        bad = [number for number in numbers if number in self.culprits]
        if bad and not self.names_them:
            return Invocation("id", 200, "Unhandled", {"errorMessage": "no"})
        self.done += numbers[: numbers.index(bad[0])] if bad else numbers
        return Invocation("id", 200, None, {"batchItemFailures": [{"itemIdentifier": str(number)} for number in bad]})

    async def give_up(self, attempt: Attempt, condition: str, last: Invocation | None) -> None:
        self.given_up.append((_numbers(attempt.records), condition))


def _numbers(records: Sequence[dict[str, Any]]) -> list[int]:
    return [int(record["dynamodb"]["SequenceNumber"]) for record in records]


@settings(max_examples=150)
@given(
    count=st.integers(1, 12),
    culprits=st.sets(st.integers(0, 11), max_size=3),
    aged=st.integers(0, 4),
    bisects=st.booleans(),
    partial=st.booleans(),
    retries=st.integers(0, 3),
)
def test_every_record_is_delivered_or_given_up_once_in_order(
    count: int, culprits: set[int], aged: int, bisects: bool, partial: bool, retries: int
) -> None:
    old = NOW_S - LIMIT_S - 1
    changes = [(str(n), old if n < aged else NOW_S) for n in range(count)]
    records = [{"dynamodb": {"SequenceNumber": number, "ApproximateCreationDateTime": at}} for number, at in changes]
    function = Function(culprits, names_them=partial)
    faultless = asyncio.run(deliver(records, mapping(bisects=bisects, partial=partial, retries=retries), function))
    too_old, live = list(range(min(aged, count))), set(range(aged, count))
    lost = [number for numbers, condition in function.given_up if condition != AGE_EXCEEDED for number in numbers]
    assert [numbers for numbers, condition in function.given_up if condition == AGE_EXCEEDED] == (
        [too_old] if aged else []
    )
    assert sorted([*function.done, *lost]) == sorted(live)
    assert function.done == sorted(function.done)
    assert faultless == (not culprits & live)
    if bisects:
        assert set(lost) == culprits & live
        for culprit in lost:
            assert function.calls.count([culprit]) == retries + 1
