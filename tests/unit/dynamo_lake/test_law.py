"""Whatever the order, the batches and the crashes: the reference ends in the tables that the statements seen make."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings

from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.engine import ReferenceEngine
from tests.histories.operations import Lie, Mend, Operation, Reconcile, Run, operations
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


def test_most_histories_merge_windows_and_change_files_before_their_end() -> None:
    found: list[Counter[str]] = []

    @settings(max_examples=40, derandomize=True, database=None)
    @given(operations(is_lossy=False))
    def search(history: list[Operation]) -> None:
        found.append(play(history).tally.counts)

    search()
    for kind in ("full", "window", "change file", "again", "crash"):
        assert sum(counts[kind] > 0 for counts in found) > len(found) / 3, kind
