"""Instants, windows and versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.names import PipelineNames, manifest_key, mirror_table, report_key
from include.dynamo_lake.versions import export_version, stream_version
from include.dynamo_lake.windows import (
    MAX_WINDOW,
    MIN_WINDOW,
    Window,
    compact_instant,
    floor_second,
    format_instant,
    parse_instant,
    pieces,
)

T = datetime(2026, 11, 24, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("text", ["2026-11-24T02:00:00Z", "2026-11-24T02:00:00+00:00", "2026-11-24T09:00:00+07:00"])
def test_an_instant_is_read_with_its_zone_and_written_in_utc(text: str) -> None:
    assert parse_instant(text) == T
    assert format_instant(parse_instant(text)) == "2026-11-24T02:00:00Z"
    assert compact_instant(parse_instant(text)) == "20261124T020000Z"


@pytest.mark.parametrize("text", ["2026-11-24T02:00:00", "2026-11-24T02:00:00.5Z", "soon"])
def test_a_naive_or_fractional_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_instant(text)


def test_seconds_are_rounded_down() -> None:
    assert floor_second(T + timedelta(milliseconds=999)) == T


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (T, T),
        (T, T - SECOND),
        (T.replace(tzinfo=None), T + SECOND),
        (T, T + timedelta(seconds=1.5)),
        (T.astimezone(timezone(timedelta(hours=7))), T + SECOND),
    ],
)
def test_a_window_that_is_no_span_of_whole_utc_seconds_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(start, end)


def test_adjoining_windows_do_not_overlap() -> None:
    one, two = Window(T, T + SECOND), Window(T + SECOND, T + 2 * SECOND)
    assert not one.overlaps(two)
    assert not two.overlaps(one)
    assert one.overlaps(Window(T - SECOND, T + 2 * SECOND))
    assert str(one) == "[2026-11-24T02:00:00Z, 2026-11-24T02:00:01Z)"


@given(st.integers(0, 500_000))
def test_pieces_adjoin_and_leave_less_than_fifteen_minutes(seconds: int) -> None:
    end = T + seconds * SECOND
    windows = list(pieces(T, end))
    assert [window.start for window in windows] == [T, *(window.end for window in windows)][: len(windows)]
    assert all(MIN_WINDOW <= window.length <= MAX_WINDOW for window in windows)
    reached = windows[-1].end if windows else T
    assert timedelta(0) <= end - reached < MIN_WINDOW


def test_a_stream_record_yields_to_later_instants_and_beats_earlier_ones() -> None:
    record = stream_version(T + timedelta(milliseconds=900), "5")
    assert export_version(T) < record < export_version(T + SECOND)
    assert stream_version(T, "9") < stream_version(T, "10") < stream_version(T + SECOND, "1")
    assert stream_version(int(T.timestamp()), "5") == stream_version(T.timestamp() + 0.9, "5") == record


@pytest.mark.parametrize("number", ["", "-1", "1.5", "1a", "9" * 41, "٣"])
def test_what_is_no_sequence_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="sequence number"):
        stream_version(T, number)


def test_names_follow_from_the_pipelines() -> None:
    names = PipelineNames("user_tasks")
    assert (
        names.stack,
        names.lake_database,
        names.analytics_database,
        names.sources_database,
        names.dag_id("hourly"),
    ) == (
        "user-tasks-lake",
        "user_tasks_lake",
        "user_tasks_analytics",
        "user_tasks_sources",
        "user_tasks_hourly",
    )
    assert mirror_table("a") == "mirror_a"
    assert (manifest_key("b"), report_key("b")) == ("batches/b/manifest.json", "runs/b/report.json")


@pytest.mark.parametrize("text", ["yesterday", "", "24.11.2026", "2026-11-24T25:00:00Z"])
def test_what_is_no_instant_is_named_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=rf"{text!r} is no ISO 8601 instant: write it like 2026-"):
        parse_instant(text)
