"""Deliver one batch as AWS does: partial responses, bisecting, retries, age limit, and what is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from include.local_aws.calls import Json
from include.local_aws.stream_mapping.model import StreamMapping

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(frozen=True)
class Invocation:
    """What one call of the function answered. `function_error` is None for a success; `payload` is decoded JSON."""

    request_id: str
    status: int
    function_error: str | None
    payload: Any


@dataclass(frozen=True)
class Attempt:
    """Records to deliver together: how often they failed, how often the function was called for them."""

    records: Sequence[Json]
    failures: int = 0
    invocations: int = 0


class Surroundings(Protocol):
    """What a delivery acts on."""

    def now_s(self) -> float:
        """The local present, seconds since 1970."""

    async def invoke(self, records: Sequence[Json]) -> Invocation:
        """Call the function with these records."""

    async def give_up(self, attempt: Attempt, condition: str, last: Invocation | None) -> None:
        """Tell the failure destination that these records are not delivered any more."""

    async def pause(self, failures: int) -> None:
        """Wait before the next try."""


async def deliver(records: Sequence[Json], mapping: StreamMapping, surroundings: Surroundings) -> bool:
    """Deliver or give up every record, in order. Returns whether no call failed."""
    waiting = [Attempt(records)]
    last: Invocation | None = None
    faultless = True
    while waiting:
        attempt = waiting.pop(0)
        aged, attempt = _split_by_age(attempt, surroundings.now_s() - mapping.max_age_s)
        if aged.records:
            await surroundings.give_up(aged, AGE_EXCEEDED, last)
        if not attempt.records:
            continue
        last = await surroundings.invoke(attempt.records)
        attempt = Attempt(attempt.records, attempt.failures, attempt.invocations + 1)
        failed_from = first_failure(attempt.records, last, partial=mapping.partial_responses)
        if failed_from is None:
            continue
        faultless = False
        again = _next_attempts(attempt, failed_from, mapping)
        if not again:
            await surroundings.give_up(attempt, RETRIES_EXHAUSTED, last)
        else:
            await surroundings.pause(again[0].failures)
        waiting = [*again, *waiting]
    return faultless


def first_failure(records: Sequence[Json], answer: Invocation, *, partial: bool) -> int | None:
    """Place of the first record to deliver again: 0 for a failed call or a response that AWS takes for one; None: done."""
    if answer.function_error is not None or answer.status >= 300:
        return 0
    if not partial or answer.payload in (None, "", {}):
        return None
    if not isinstance(answer.payload, dict):
        return 0
    failures = answer.payload.get("batchItemFailures")
    if not failures:
        return None
    places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(records)}
    named = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
    if any(name not in places for name in named):
        return 0
    return min(places[name] for name in named)


def _next_attempts(attempt: Attempt, failed_from: int, mapping: StreamMapping) -> list[Attempt]:
    """What to try next; nothing once the retries are used up. Progress starts the count anew, bisecting does not count."""
    rest = attempt.records[failed_from:]
    if failed_from:
        return [Attempt(rest)]
    if mapping.bisects and len(rest) > 1:
        middle = (len(rest) + 1) // 2
        return [Attempt(half, attempt.failures, attempt.invocations) for half in (rest[:middle], rest[middle:])]
    if mapping.max_retries is not None and attempt.failures >= mapping.max_retries:
        return []
    return [Attempt(rest, attempt.failures + 1, attempt.invocations)]


def _split_by_age(attempt: Attempt, oldest_s: float) -> tuple[Attempt, Attempt]:
    aged = [one for one in attempt.records if one["dynamodb"]["ApproximateCreationDateTime"] < oldest_s]
    live = [one for one in attempt.records if one["dynamodb"]["ApproximateCreationDateTime"] >= oldest_s]
    return Attempt(aged, attempt.failures, attempt.invocations), Attempt(live, attempt.failures, attempt.invocations)
