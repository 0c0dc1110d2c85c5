"""State objects under rival writers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lake_airflow.errors import StateConflictError
from lake_airflow.lake_state import commit_coverage, commit_published, read_coverage, read_published

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY
from include.dynamo_lake.published import Published
from tests.plugins.fakes import FakeS3


def at(hour: int) -> datetime:
    return datetime(2026, 11, 24, hour, tzinfo=UTC)


def covered(hour: int) -> Coverage:
    return Coverage(covered_through=at(hour))


PUBLISHED = Published(5, "s3://b/5.json", 5, 5, "u", "batch", "2026-11-24T02:00:00Z")


def test_nothing_is_covered_and_nothing_published_before_the_first_run() -> None:
    s3 = FakeS3()
    assert (read_coverage(s3, "b"), read_published(s3, "b")) == (Coverage(), None)


def test_what_is_committed_is_read_back() -> None:
    s3 = FakeS3()
    commit_coverage(s3, "b", lambda _: covered(1))
    commit_published(s3, "b", lambda _: PUBLISHED)
    assert (read_coverage(s3, "b"), read_published(s3, "b")) == (covered(1), PUBLISHED)


def test_the_loser_of_the_first_put_decides_anew_from_what_the_winner_wrote() -> None:
    s3, seen = FakeS3(), []
    s3.before_put.append(lambda: s3.objects.update({COVERAGE_KEY: covered(5).to_json().encode()}))

    def decide(present: Coverage) -> Coverage:
        seen.append(present)
        return replace(present, since=at(9))

    assert commit_coverage(s3, "b", decide) == replace(covered(5), since=at(9)) == read_coverage(s3, "b")
    assert seen == [Coverage(), covered(5)]


def test_the_loser_of_a_later_put_decides_anew() -> None:
    s3 = FakeS3({COVERAGE_KEY: covered(1).to_json().encode()})
    s3.before_put.append(lambda: s3.objects.update({COVERAGE_KEY: covered(2).to_json().encode()}))
    commit_coverage(s3, "b", lambda present: replace(present, since=present.covered_through))
    assert read_coverage(s3, "b") == Coverage(covered_through=at(2), since=at(2))


def test_a_decision_that_changes_nothing_writes_nothing() -> None:
    s3 = FakeS3({COVERAGE_KEY: covered(1).to_json().encode()})
    s3.before_put.append(lambda: pytest.fail("nothing was to be written"))
    assert commit_coverage(s3, "b", lambda present: present) == covered(1)


def test_rivals_that_always_win_end_in_an_error_that_names_the_object() -> None:
    s3 = FakeS3()
    counter = iter(range(10_000))

    def decide(present: Coverage) -> Coverage:
        s3.before_put.append(
            lambda: s3.objects.update({COVERAGE_KEY: replace(present, since=at(next(counter) % 20)).to_json().encode()})
        )
        return covered(23)

    with pytest.raises(StateConflictError, match=COVERAGE_KEY) as caught:
        commit_coverage(s3, "b", decide)
    assert caught.value.retryable


def test_a_record_of_another_version_names_the_remedy() -> None:
    s3 = FakeS3({PUBLISHED_KEY: b'{"version": 2}'})
    with pytest.raises(TerminalError, match="deploy the code that wrote it"):
        read_published(s3, "b")
