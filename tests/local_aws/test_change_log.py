"""The change log's edges, where a second decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.local_aws.change_log import ChangeLog, ItemChange, micros

START = datetime(2026, 11, 24, 1, tzinfo=UTC)
END = START + timedelta(hours=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def log(tmp_path: Path) -> ChangeLog:
    return ChangeLog(tmp_path / "changes.sqlite")


def changes(log: ChangeLog) -> list[ItemChange]:
    return sorted(log.reader("t").changes_between(START, END), key=lambda change: change.written_us)


def test_a_window_includes_its_start_and_excludes_its_end(log: ChangeLog) -> None:
    for at, name in ((START - TICK, b"before"), (START, b"first"), (END - TICK, b"last"), (END, b"after")):
        log.record("t", [(name, name)], at)
    assert [change.new for change in changes(log)] == [b"first", b"last"]


def test_a_full_state_has_what_was_written_before_its_instant(log: ChangeLog) -> None:
    log.record("t", [(b"k", b"old")], START - TICK)
    log.record("t", [(b"k", b"new"), (b"other", b"x")], START)
    assert list(log.reader("t").state_before(START)) == [b"old"]


def test_inserted_and_deleted_in_one_window_is_absent(log: ChangeLog) -> None:
    log.record("t", [(b"k", b"x")], START)
    log.record("t", [(b"k", None)], START + TICK)
    assert changes(log) == []


def test_deleted_and_inserted_again_shows_both_ends(log: ChangeLog) -> None:
    log.record("t", [(b"k", b"old")], START - TICK)
    log.record("t", [(b"k", None)], START)
    log.record("t", [(b"k", b"new")], START + TICK)
    assert changes(log) == [ItemChange(micros(START + TICK), b"old", b"new")]


def test_a_write_that_changes_nothing_is_no_change(log: ChangeLog) -> None:
    log.record("t", [(b"k", b"x")], START - TICK)
    assert log.record("t", [(b"k", b"x"), (b"absent", None)], START) == [None, None]
    assert changes(log) == []


def test_no_second_cuts_a_transaction(log: ChangeLog) -> None:
    (first, second) = log.record("t", [(b"a", b"1"), (b"b", b"2")], START - TICK)
    assert (first, second) == (micros(START), micros(START) + 1)


def test_times_grow_even_when_the_clock_stands(log: ChangeLog) -> None:
    times = [log.record("t", [(b"k", str(n).encode())], START)[0] for n in range(3)]
    assert times == [micros(START) + n for n in range(3)]


def test_tables_do_not_mix(log: ChangeLog) -> None:
    log.record("t", [(b"k", b"mine")], START)
    log.record("other", [(b"k", b"theirs")], START)
    assert [change.new for change in changes(log)] == [b"mine"]
    assert list(log.reader("other").state_before(END)) == [b"theirs"]
