"""Maintenance takes away what nobody can ask for any more, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.dynamo_lake.retention import (
    Maintenance,
    SnapshotTime,
    StoredFile,
    count_kept,
    metadata_version,
    next_expiry,
    orphaned_keys,
)

NOW = datetime(2026, 3, 20, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
METADATA = "warehouse/t/metadata/{:05d}-0f0e0d0c-0000-0000-0000-000000000000.metadata.json"


def history(*days_ago: float) -> list[SnapshotTime]:
    """Newest first; ids are counted from 1, the oldest."""
    return [SnapshotTime(len(days_ago) - n, NOW - timedelta(days=ago)) for n, ago in enumerate(days_ago)]


@pytest.mark.parametrize(
    ("days_ago", "published", "kept"),
    [
        ((1, 2, 3), None, 3),
        ((1, 6, 7, 8, 9), None, 3),  # the one of 7 days ago was seen until 6 days ago
        ((20,), None, 1),
        ((10, 20, 30), None, 1),  # the newest took the others' place 10 days ago
        ((10, 20, 30), 2, 2),
        ((10, 20, 30), 1, 3),
        ((10, 20, 30), 3, 1),
        ((10, 20, 30), 99, 3),  # readers see a table that is not this one
    ],
)
def test_a_snapshot_stays_until_readers_can_no_longer_go_back_to_it(
    days_ago: tuple[float, ...], published: int | None, kept: int
) -> None:
    assert count_kept(history(*days_ago), now=NOW, keep=WEEK, published=published) == kept


def test_the_oldest_kept_snapshot_may_go_a_week_after_its_successor_came() -> None:
    assert next_expiry(history(1, 6, 7), WEEK) == NOW + timedelta(days=1)
    assert next_expiry(history(1), WEEK) is None


def test_only_old_files_without_an_owner_are_orphans() -> None:
    old, young = NOW - timedelta(days=2), NOW - timedelta(hours=2)
    files = [
        StoredFile("warehouse/t/data/kept.parquet", old),
        StoredFile("warehouse/t/data/left.parquet", old),
        StoredFile("warehouse/t/data/being-written.parquet", young),
        StoredFile("warehouse/t/metadata/left.avro", old),
        StoredFile("warehouse/t/notes.txt", old),
    ]
    found = orphaned_keys(files, ["warehouse/t/data/kept.parquet"], now=NOW, keep=WEEK, oldest_metadata=0)
    assert found == ["warehouse/t/data/left.parquet", "warehouse/t/metadata/left.avro"]


def test_metadata_that_readers_point_to_stays_and_all_after_it_however_old() -> None:
    files = [StoredFile(METADATA.format(number), NOW - timedelta(days=40 - number)) for number in (1, 2, 3, 4)]
    assert orphaned_keys(files, [], now=NOW, keep=WEEK, oldest_metadata=3) == [METADATA.format(1), METADATA.format(2)]
    assert orphaned_keys(files, [], now=NOW, keep=timedelta(days=39), oldest_metadata=3) == []


def test_metadata_files_of_another_form_have_no_number_and_are_never_orphans() -> None:
    assert metadata_version("s3://b/" + METADATA.format(17)) == 17
    assert metadata_version("s3://b/warehouse/t/metadata/v3.metadata.json") is None
    hadoop = [StoredFile("warehouse/t/metadata/v3.metadata.json", NOW - WEEK)]
    assert orphaned_keys(hadoop, [], now=NOW, keep=WEEK, oldest_metadata=99) == []


def test_the_first_merge_of_a_day_maintains_and_an_idle_lake_only_where_something_is_left() -> None:
    yesterday = Maintenance(NOW - timedelta(days=1), 7, None)
    assert yesterday.comes_with(NOW)
    assert not Maintenance(NOW - timedelta(hours=2), 7, None).comes_with(NOW)
    assert yesterday.is_due(NOW, newest_run=8)
    assert not yesterday.is_due(NOW, newest_run=7)
    assert Maintenance(NOW - timedelta(days=1), 7, NOW).is_due(NOW, newest_run=7)
    assert not Maintenance(NOW - timedelta(days=1), 7, NOW + timedelta(hours=1)).is_due(NOW, newest_run=7)


@pytest.mark.parametrize("due_at", [None, NOW + WEEK])
def test_what_a_table_remembers_of_its_maintenance_comes_back(due_at: datetime | None) -> None:
    maintenance = Maintenance(NOW, 7, due_at)
    assert Maintenance.from_properties({"format-version": "2", **maintenance.to_properties()}) == maintenance
    assert Maintenance.from_properties({}) is None
