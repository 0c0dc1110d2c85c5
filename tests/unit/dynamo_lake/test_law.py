"""Whatever the order, the batches and the crashes: the reference ends in the tables that the statements seen make."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from include.dynamo_lake.reference import mirrors
from include.laptop.tests import DEEP
from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.engine import ReferenceEngine
from tests.histories.operations import Lie, Mend, Operation, Reconcile, Resume, Run, operations
from tests.histories.printing import PrintedTest, note_test
from tests.histories.truth import truth_differences

MENDED = mended_declaration()
UNMENDED = unmended_declaration()


def play(history: list[Operation], *, by_stream_alone: bool = False) -> Driver:
    note_test(PrintedTest(__name__, history))
    first = UNMENDED if any(isinstance(one, Mend) for one in history) else MENDED
    driver = Driver(first, MENDED, ReferenceEngine(first))
    driver.play(history)
    driver.settle(by_stream_alone=by_stream_alone)
    return driver


@given(operations(is_lossy=False))
def test_a_complete_stream_and_chain_show_the_tables_as_they_are(history: list[Operation]) -> None:
    assert truth_differences(play(history)) == []


@given(operations(is_lossy=False, has_stream=False))
def test_the_chain_alone_shows_the_tables_as_they_are(history: list[Operation]) -> None:
    assert truth_differences(play(history)) == []


@given(operations(is_lossy=False))
def test_a_complete_stream_alone_shows_the_tables_as_they_are(history: list[Operation]) -> None:
    assert truth_differences(play(without_windows(history), by_stream_alone=True)) == []


@given(operations(is_lossy=True))
def test_the_chain_heals_what_the_stream_lost(history: list[Operation]) -> None:
    assert truth_differences(play(history)) == []


def without_windows(history: list[Operation]) -> list[Operation]:
    """The same history on change alone; only full exports and the stream tell of the tables, and nobody lies."""
    told = [one for one in history if not isinstance(one, Lie | Reconcile)]
    return [
        replace(one, kind="on_change") if isinstance(one, Run) and one.kind in {"scheduled", "manual"} else one
        for one in told
    ]


LAWS = (
    test_a_complete_stream_and_chain_show_the_tables_as_they_are,
    test_the_chain_alone_shows_the_tables_as_they_are,
    test_a_complete_stream_alone_shows_the_tables_as_they_are,
    test_the_chain_heals_what_the_stream_lost,
)


def test_the_laws_are_held_to_hundreds_of_histories_and_in_the_long_run_to_ten_thousand() -> None:
    assert settings().max_examples * len(LAWS) >= 500, "whatever profile is loaded"
    assert settings.get_profile("deep").max_examples * len(LAWS) >= 10_000
    long = [dict(suite.environment) for lane in DEEP for suite in lane if "tests/unit" in suite.arguments]
    assert long == [{"HYPOTHESIS_PROFILE": "deep"}]


def test_most_histories_merge_windows_and_change_files_before_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Counter[str]] = []
    purges = noted_purges(monkeypatch)

    @settings(max_examples=40, derandomize=True, database=None)
    @given(operations(is_lossy=False))
    def search(history: list[Operation]) -> None:
        purges.clear()
        driver = play(history)
        found.append(driver.tally.counts + rarer_counts(history, driver) + Counter(purge=len(purges)))

    search()
    for kind in ("full", "window", "change file", "again", "crash", "repair"):
        assert sum(counts[kind] > 0 for counts in found) > len(found) / 3, kind
    for kind in ("mend", "held run"):
        assert sum(counts[kind] > 0 for counts in found) > len(found) / 5, kind
    assert any(counts["purge"] for counts in found)


def noted_purges(patch: pytest.MonkeyPatch) -> list[int]:
    """How many tombstones each purge that dropped any drops from now on."""
    purges: list[int] = []
    purge = mirrors._purge

    def noted(rows: mirrors.Rows, *arguments: Any) -> Any:
        before = len(rows)
        floor = purge(rows, *arguments)
        purges.extend([before - len(rows)] * (len(rows) < before))
        return floor

    patch.setattr(mirrors, "_purge", noted)
    return purges


def rarer_counts(history: list[Operation], driver: Driver) -> Counter[str]:
    """What the tally does not have: rebuilds, repairs, and runs that were held and resumed."""
    held = [place for place, one in enumerate(history) if isinstance(one, Run) and one.is_held]
    resumed = [place for place, one in enumerate(history) if isinstance(one, Resume)]
    return Counter({
        "mend": sum(isinstance(one, Mend) for one in history),
        "repair": driver.has_repaired,
        "held run": bool(held and resumed and held[0] < resumed[-1]),
    })
