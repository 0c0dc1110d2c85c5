"""The short histories that broke earlier rules of the plan, with runs as they are planned, each against the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.histories.driver import Driver
from tests.histories.operations import MINUTE, SECOND, Capture, Operation, Pass, Put, Resume, Run
from tests.histories.truth import truth_differences
from tests.unit.dynamo_lake import test_law

Play = Callable[[list[Operation]], Driver]
ITEM: dict[str, Any] = {"createdAt": {"S": "2026-01-01"}, "progressDetails": {"L": [{"M": {"taskID": {"S": "t1"}}}]}}
CHANGED: dict[str, Any] = {**ITEM, "createdAt": {"S": "2026-01-03"}}


@pytest.fixture
def play() -> Play:
    return test_law.play


LOST = Capture(9, is_lost=True)
"""No stream heals what windows get wrong."""


def put(after: int, image: dict[str, Any] | None = ITEM, item: int = 0) -> Put:
    return Put("main", item, image, after)


def test_a_window_begins_where_the_full_export_before_it_was_taken(play: Play) -> None:
    played = play([
        *(Run("bootstrap"), put(2 * MINUTE), Pass(4 * MINUTE)),
        *(Run("bootstrap"), put(3 * MINUTE, None), Pass(20 * MINUTE), LOST, Run("scheduled")),
    ])
    assert truth_differences(played) == []
    assert played.engine.tables().target == {}


def test_a_window_that_a_run_planned_is_not_lengthened_by_the_next(play: Play) -> None:
    played = play([
        *(Run("bootstrap"), put(MINUTE), Pass(15 * MINUTE), Run("scheduled", crash=3)),
        *(put(10 * MINUTE, None), Pass(15 * MINUTE), LOST, Run("scheduled")),
    ])
    assert truth_differences(played) == []
    assert played.engine.tables().target == {}


def test_a_bootstrap_that_is_told_an_instant_before_the_plans_end_is_refused(play: Play) -> None:
    played = play([
        *(Run("bootstrap"), put(2 * MINUTE), put(7 * MINUTE, None), Pass(11 * MINUTE), Run("scheduled", crash=0)),
        *(Pass(-14 * MINUTE), Run("bootstrap"), Pass(14 * MINUTE), LOST, Run("scheduled")),
    ])
    assert truth_differences(played) == []
    assert played.engine.tables().target == {}


def test_a_manual_range_replays_logged_windows_whole(play: Play) -> None:
    played = play([
        *(Run("bootstrap"), put(MINUTE), put(5 * MINUTE, None), Pass(20 * MINUTE), LOST, Run("scheduled")),
        Run("manual", back=22 * MINUTE),
    ])
    assert truth_differences(played) == []
    assert played.engine.tables().target == {}


def test_a_run_that_finishes_after_a_later_one_takes_nothing_back(play: Play) -> None:
    played = play([
        *(Run("bootstrap"), put(MINUTE), Pass(20 * MINUTE), Run("scheduled", is_held=True)),
        *(put(MINUTE, CHANGED), Pass(20 * MINUTE), Run("scheduled"), Resume()),
        *(put(MINUTE, item=1), Pass(20 * MINUTE), LOST, Run("scheduled")),
    ])
    assert truth_differences(played) == []


def test_a_change_file_that_another_run_has_moved_is_skipped(play: Play) -> None:
    played = play([
        *(put(SECOND), Pass(SECOND), Run("bootstrap"), put(SECOND, CHANGED), Capture(2, is_lost=False)),
        *(Run("on_change", is_held=True), Run("on_change"), Resume()),
    ])
    assert truth_differences(played) == []


def test_before_the_first_bootstrap_a_run_on_change_does_nothing(play: Play) -> None:
    played = play([put(SECOND), Capture(1, is_lost=False), Run("on_change")])
    assert played.merges == 2, "the bootstrap and the run after it, at the end"
