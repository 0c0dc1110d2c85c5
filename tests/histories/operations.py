"""What happens in a history: plain values, so that a failing one is printed and kept as it is."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Literal

from hypothesis import strategies as st

from tests.histories.images import LOOKUP_ITEMS, LOOKUP_KEYS, MAIN_ITEMS, MAIN_KEYS, Image

Side = Literal["main", "lookup"]
RunKind = Literal["scheduled", "bootstrap", "manual", "on_change"]

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
LONGER_THAN_TOMBSTONES = 37 * DAY


@dataclass(frozen=True)
class Put:
    """Write (``image`` None: delete) item number ``item`` of a side, ``after`` microseconds later.

    ``lane``: which of the histories that are played side by side it belongs to; each has keys of its own.
    """

    side: Side
    item: int
    image: dict[str, Any] | None
    after: int
    lane: int = 0


@dataclass(frozen=True)
class Pass:
    """Time passes, in microseconds."""

    micros: int


@dataclass(frozen=True)
class Capture:
    """The stream Lambda writes up to ``count`` waiting records into one inbox file per source; or they are ``lost``
    for good.
    """

    count: int
    is_lost: bool


@dataclass(frozen=True)
class Run:
    """A run of one kind.

    ``crash``: the step before which its last part's merge dies (None: none). ``parts``: into how many batches its
    files are split. ``order``: seed of the files' order. ``is_doubled``: every batch is applied twice. ``is_held``:
    decided now, executed by a later ``Resume``. ``back``: how many microseconds a manual range begins in the past.
    """

    kind: RunKind
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
    """The declaration is mended, and target and quarantine are rebuilt; ``crash``: the step before which that dies, to
    be finished by whichever merge comes next (before the first step: by another try).
    """

    crash: int | None = None


@dataclass(frozen=True)
class Lie:
    """The stream says of item number ``item`` of a side what never was (``image`` None: a deletion)."""

    side: Literal["main", "lookup"]
    item: int
    image: dict[str, Any] | None


@dataclass(frozen=True)
class Reconcile:
    """A run compares the mirrors with the tables, and repairs them if asked; ``crash``: as for a run."""

    repair: bool
    crash: int | None = None


Operation = Put | Pass | Capture | Run | Resume | PassLong | Mend | Lie | Reconcile

_GAPS = st.sampled_from((1, 300_000, 700_000, SECOND, 5 * SECOND, 7 * MINUTE, 15 * MINUTE, 60 * MINUTE))


def _puts() -> st.SearchStrategy[Put]:
    """Two writes of three are the main source's, and one of three is a deletion.

    Made anew for each share: ``one_of`` takes one and the same strategy once, however often it stands there.
    """
    main, again = (_puts_of("main", len(MAIN_KEYS), MAIN_ITEMS) for _ in range(2))
    return st.one_of(main, again, _puts_of("lookup", len(LOOKUP_KEYS), LOOKUP_ITEMS))


def _puts_of(side: Side, items: int, images: st.SearchStrategy[Image]) -> st.SearchStrategy[Put]:
    written = st.sampled_from((False, False, True)).flatmap(lambda is_deleted: st.none() if is_deleted else images)
    return st.builds(Put, st.just(side), st.integers(0, items - 1), written, _GAPS)


def _side_by_side(lanes: tuple[list[Put], ...]) -> list[Put]:
    """The writes of several histories that begin at the same instant, in the order of their times."""
    timed = sorted(
        ((at, lane, put) for lane, puts in enumerate(lanes) for at, put in _with_times(puts)), key=lambda one: one[:2]
    )
    gaps = (at - before for before, at in pairwise([0, *(at for at, _, _ in timed)]))
    return [replace(put, after=gap, lane=lane) for gap, (_, lane, put) in zip(gaps, timed, strict=True)]


def _with_times(puts: list[Put]) -> zip[tuple[int, Put]]:
    return zip(accumulate(put.after for put in puts), puts, strict=True)


def _lies() -> tuple[tuple[Operation, ...], ...]:
    """A few lies, each heard at once, healed by a repair or left."""
    image = {"createdAt": {"S": "2026-01-05"}, "progressDetails": {"L": [{"M": {"taskID": {"S": "t9"}}}]}}
    lookup = {"campaignTasks": {"L": [{"M": {"taskID": {"S": "t1"}, "taskDeadline": {"S": "2027-01-01"}}}]}}
    lies = (Lie("main", 0, image), Lie("main", 1, None), Lie("lookup", 0, lookup), Lie("lookup", 1, None))
    heard = (Run("on_change"), Pass(20 * MINUTE))
    return tuple((lie, *heard, *after) for lie in lies for after in ((), (Reconcile(repair=True),)))


def _runs() -> tuple[Run, ...]:
    """A fixed collection of runs, the plain ones first: one draw instead of many keeps histories quick."""
    chance = random.Random(2026)
    kinds: tuple[RunKind, ...] = ("scheduled", "bootstrap", "manual", "on_change")
    drawn = (
        Run(
            kind=chance.choice((*kinds, "scheduled", "scheduled", "on_change")),
            crash=chance.choice((None, None, None, None, 0, 1, 2, 3)),
            parts=chance.randint(1, 3),
            order=chance.randint(0, 5),
            is_doubled=chance.random() < 0.3,
            is_held=chance.random() < 0.2,
            back=chance.choice((MINUTE, 20 * MINUTE, 3 * 60 * MINUTE, 40 * DAY)),
        )
        for _ in range(200)
    )
    return (*(Run(kind) for kind in kinds), *drawn)


RUNS = _runs()
# Deletions are purged, and what was before them is replayed.
LONG_PAUSE: tuple[Operation, ...] = (PassLong(), Run("scheduled"), Pass(20 * MINUTE), Run("manual", back=40 * DAY))


def operations(
    *,
    is_lossy: bool,
    has_stream: bool = True,
    lanes: int = 1,
    rounds: tuple[int, int] = (3, 8),
    most_runs: int = 2,
    most_batches: int = 6,
    always_begun: bool = False,
) -> st.SearchStrategy[list[Operation]]:
    """Histories that begin with writes and a bootstrap, then so many rounds: writes, the stream, time, up to ``most_runs`` runs.

    ``is_lossy``: stream records may be lost; without ``has_stream`` nothing captures them before the end. ``lanes``: so many
    histories under different keys, which share everything but their writes. ``most_batches``: of one run. One in eight
    begins with nothing, unless it is ``always_begun``.
    """
    writes = st.tuples(*[st.lists(_puts(), min_size=1, max_size=4)] * lanes).map(_side_by_side)
    captures = st.builds(Capture, st.integers(1, 5 * lanes), st.booleans() if is_lossy else st.just(False))
    passing = st.builds(Pass, st.sampled_from((1, SECOND, 15 * MINUTE, 20 * MINUTE, 26 * 60 * MINUTE)))
    mends = tuple((Mend(crash),) for crash in (None, None, 0, 1, 2, 3))
    reconciles = tuple((Reconcile(repair, crash),) for repair in (False, True) for crash in (None, 1, 3, 4, 5))
    rare = st.sampled_from((*[(), (Resume(),), (Resume(),), LONG_PAUSE] * 3, *mends, *mends, *_lies(), *reconciles))
    runs = [run for run in RUNS if run.parts * (1 + run.is_doubled) <= most_batches]
    one_round = st.tuples(
        writes,
        st.lists(captures, max_size=2 if has_stream else 0),
        passing.map(lambda operation: [operation]),
        st.lists(st.sampled_from(runs), min_size=1, max_size=most_runs),
        rare,
    )
    beginnings = writes.map(lambda puts: [[*puts, Run("bootstrap")]])
    if not always_begun:
        begun = beginnings
        beginnings = st.integers(0, 7).flatmap(lambda drawn: begun if drawn else st.just([]))
    several_rounds = st.lists(one_round, min_size=rounds[0], max_size=rounds[1])
    return st.builds(
        lambda beginning, several: [operation for one in (beginning, *several) for part in one for operation in part],
        beginnings,
        several_rounds,
    )
