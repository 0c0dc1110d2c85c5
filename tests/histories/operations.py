"""What happens in a history: plain values, so that a failing one is printed and kept as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

from tests.histories.images import LOOKUP_ITEMS, LOOKUP_KEYS, MAIN_ITEMS, MAIN_KEYS

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
LONGER_THAN_TOMBSTONES = 37 * DAY


@dataclass(frozen=True)
class Put:
    """Write (``image`` None: delete) item number ``item`` of a side, ``after`` microseconds later."""

    side: Literal["main", "lookup"]
    item: int
    image: dict[str, Any] | None
    after: int


@dataclass(frozen=True)
class Pass:
    """Time passes, in microseconds."""

    micros: int


@dataclass(frozen=True)
class Capture:
    """The stream Lambda writes up to ``count`` waiting records into one inbox file per source; or they are ``lost`` for good."""

    count: int
    is_lost: bool


@dataclass(frozen=True)
class Run:
    """A run of one kind.

    ``crash``: the step before which its last part's merge dies (None: none). ``parts``: into how many batches its files are split. ``order``: seed of the
    files' order. ``is_doubled``: every batch is applied twice. ``is_held``: decided now, executed by a later ``Resume``. ``back``: how many
    microseconds a manual range begins in the past.
    """

    kind: Literal["scheduled", "bootstrap", "manual", "on_change"]
    crash: int | None = None
    parts: int = 1
    order: int = 0
    is_doubled: bool = False
    is_held: bool = False
    back: int = 0


@dataclass(frozen=True)
class Resume:
    """The oldest held run goes on."""


@dataclass(frozen=True)
class PassLong:
    """More time passes than tombstones are kept; the stream is delivered first, since it cannot wait that long."""


@dataclass(frozen=True)
class Mend:
    """The declaration is mended, and target and quarantine are rebuilt."""


Operation = Put | Pass | Capture | Run | Resume | PassLong | Mend

_GAPS = st.sampled_from((1, 300_000, 700_000, SECOND, 5 * SECOND, 7 * MINUTE, 15 * MINUTE, 60 * MINUTE))


def _puts() -> st.SearchStrategy[Operation]:
    main = st.builds(
        Put, st.just("main"), st.integers(0, len(MAIN_KEYS) - 1), st.none() | MAIN_ITEMS | MAIN_ITEMS, _GAPS
    )
    lookup = st.builds(
        Put, st.just("lookup"), st.integers(0, len(LOOKUP_KEYS) - 1), st.none() | LOOKUP_ITEMS | LOOKUP_ITEMS, _GAPS
    )
    return st.one_of(main, main, lookup)


def _runs() -> st.SearchStrategy[Operation]:
    return st.builds(
        Run,
        kind=st.sampled_from(("scheduled", "scheduled", "scheduled", "bootstrap", "manual", "on_change")),
        crash=st.none() | st.integers(0, 3),
        parts=st.integers(1, 3),
        order=st.integers(0, 5),
        is_doubled=st.booleans(),
        is_held=st.sampled_from((False, False, False, True)),
        back=st.sampled_from((MINUTE, 20 * MINUTE, 3 * 60 * MINUTE, 40 * DAY)),
    )


def operations(*, is_lossy: bool, has_stream: bool = True) -> st.SearchStrategy[list[Operation]]:
    """Histories of up to 30 operations; ``is_lossy``: stream records may be lost; without ``has_stream`` there is none."""
    captures = st.builds(Capture, st.integers(1, 5), st.booleans() if is_lossy else st.just(False))
    passing = st.builds(Pass, _GAPS)
    rare = st.sampled_from((Resume(), Resume(), PassLong(), Mend()))
    kinds = [_puts(), _puts(), _puts(), _runs(), _runs(), passing, rare, *([captures] if has_stream else [])]
    return st.lists(st.one_of(kinds), min_size=3, max_size=30)
