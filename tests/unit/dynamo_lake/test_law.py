"""Whatever the order, the batches and the crashes: the reference ends in the tables that the statements seen make."""

from __future__ import annotations

from hypothesis import given

from tests.histories.declarations import mended_declaration, unmended_declaration
from tests.histories.driver import Driver
from tests.histories.engine import ReferenceEngine
from tests.histories.operations import Mend, Operation, operations
from tests.histories.printing import PrintedTest, note_test

MENDED = mended_declaration()
UNMENDED = unmended_declaration()


def play(history: list[Operation]) -> Driver:
    note_test(PrintedTest(__name__, history))
    first = UNMENDED if any(isinstance(one, Mend) for one in history) else MENDED
    driver = Driver(first, MENDED, ReferenceEngine(first))
    driver.play(history)
    driver.settle()
    return driver


@given(operations(is_lossy=False))
def test_a_complete_stream_and_chain_show_the_tables_as_they_are(history: list[Operation]) -> None:
    assert play(history).truth_differences() == []


@given(operations(is_lossy=False, has_stream=False))
def test_the_chain_alone_shows_the_tables_as_they_are(history: list[Operation]) -> None:
    assert play(history).truth_differences() == []


@given(operations(is_lossy=True))
def test_the_chain_heals_what_the_stream_lost(history: list[Operation]) -> None:
    assert play(history).truth_differences() == []
