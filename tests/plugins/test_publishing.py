"""Readers only ever move forwards, to what was verified, whatever rivals, crashes and people do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lake_airflow.errors import StateConflictError
from lake_airflow.lake_state import read_published
from lake_airflow.publishing import ReadersTable, point_to_published, publish, put_back

from include.dynamo_lake.names import PUBLISHED_KEY
from include.dynamo_lake.published import Published
from tests.plugins.fakes import FakeClients

READERS = ReadersTable("b", "analytics", "t", "output")
PLACE = ("analytics", "t")


def metadata(number: int, uuid: str = "u") -> dict[str, Any]:
    snapshots = [
        {
            "snapshot-id": one,
            "sequence-number": one,
            "summary": {},
            **({"parent-snapshot-id": one - 1} if one > 1 else {}),
        }
        for one in range(1, number + 1)
    ]
    fields = [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": "decimal(18, 6)"},
        {"name": "at", "type": "timestamp"},
    ]
    return {
        "table-uuid": uuid,
        "location": "s3://b/warehouse/t",
        "current-snapshot-id": number,
        "snapshots": snapshots,
        "current-schema-id": 1,
        "schemas": [{"schema-id": 0, "fields": []}, {"schema-id": 1, "fields": fields}],
    }


def verified(clients: FakeClients, number: int, uuid: str = "u") -> Published:
    key = f"warehouse/t/metadata/{uuid}{number}.json"
    clients.s3.objects[key] = json.dumps(metadata(number, uuid)).encode()
    return Published(number, f"s3://b/{key}", number, number, uuid, f"batch{number}", "2026-11-24T02:00:00Z")


def shown(clients: FakeClients) -> str:
    return str(clients.glue.tables[PLACE]["Parameters"]["metadata_location"])


def run_publish(clients: FakeClients, candidate: Published, lake_uuid: str = "u") -> Published:
    return publish(clients.s3, clients.glue, READERS, candidate, lake_uuid=lake_uuid)


def numbered(clients: FakeClients, number: int) -> Published:
    """A verified snapshot whose metadata file has a name as Iceberg gives it."""
    key = f"warehouse/t/metadata/{number:05d}-0f0e0d0c-0000-0000-0000-000000000000.metadata.json"
    clients.s3.objects[key] = json.dumps(metadata(number)).encode()
    return replace(verified(clients, number), metadata_location=f"s3://b/{key}")


def show(clients: FakeClients, location: str) -> None:
    clients.glue.tables[PLACE]["Parameters"]["metadata_location"] = location


def test_the_first_publish_creates_the_readers_table_with_iceberg_columns(clients: FakeClients) -> None:
    first = verified(clients, 1)
    assert run_publish(clients, first) == first
    table = clients.glue.tables[PLACE]
    assert table["Parameters"] == {
        "EXTERNAL": "TRUE",
        "table_type": "ICEBERG",
        "metadata_location": first.metadata_location,
    }
    assert table["StorageDescriptor"]["Location"] == "s3://b/warehouse/t"
    types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert types == {"id": "bigint", "amount": "decimal(18,6)", "at": "timestamp"}


def test_a_later_publish_moves_the_table_and_keeps_what_others_set_on_it(clients: FakeClients) -> None:
    first, second = verified(clients, 1), verified(clients, 2)
    run_publish(clients, first)
    clients.glue.tables[PLACE]["Parameters"]["owner_team"] = "growth"
    clients.glue.tables[PLACE]["Description"] = "tasks"
    run_publish(clients, second)
    table = clients.glue.tables[PLACE]
    assert (shown(clients), table["Parameters"]["previous_metadata_location"]) == (
        second.metadata_location,
        first.metadata_location,
    )
    assert (table["Parameters"]["owner_team"], table["Description"], table["VersionId"]) == ("growth", "tasks", "2")


def test_an_older_snapshot_is_a_success_that_moves_nothing(clients: FakeClients) -> None:
    second = verified(clients, 2)
    run_publish(clients, second)
    assert run_publish(clients, verified(clients, 1)) == second
    assert (shown(clients), clients.glue.tables[PLACE]["VersionId"]) == (second.metadata_location, "1")


def test_the_same_snapshot_again_moves_nothing(clients: FakeClients) -> None:
    first = verified(clients, 1)
    run_publish(clients, first)
    run_publish(clients, replace(first, batch_id="another", published_at="2026-11-24T03:00:00Z"))
    assert clients.glue.tables[PLACE]["VersionId"] == "1"
    assert read_published(clients.s3, "b") == first


def test_a_table_made_anew_starts_its_numbers_again(clients: FakeClients) -> None:
    run_publish(clients, verified(clients, 7))
    anew = verified(clients, 1, uuid="v")
    assert run_publish(clients, anew, lake_uuid="v") == anew
    assert shown(clients) == anew.metadata_location


def test_a_cleared_publish_of_an_old_run_does_not_take_readers_back_to_the_table_before_it_was_made_anew(
    clients: FakeClients,
) -> None:
    old, anew = verified(clients, 7), verified(clients, 1, uuid="v")
    run_publish(clients, old)
    run_publish(clients, anew, lake_uuid="v")
    assert run_publish(clients, old, lake_uuid="v") == anew
    assert shown(clients) == anew.metadata_location


def test_a_publish_warns_of_a_pointer_that_a_crawl_moved_before_it_moves_it_on(
    clients: FakeClients, caplog: pytest.LogCaptureFixture
) -> None:
    first, third = numbered(clients, 1), numbered(clients, 3)
    run_publish(clients, first)
    show(clients, numbered(clients, 2).metadata_location)
    run_publish(clients, third)
    assert shown(clients) == third.metadata_location
    (warning,) = (one.getMessage() for one in caplog.records if one.levelname == "WARNING")
    assert "/00002-" in warning
    assert "withdraw glue:StartCrawler" in warning
    assert "crawler output" in warning


def test_a_table_that_a_broken_off_run_left_behind_is_not_laid_at_the_crawlers_door(
    clients: FakeClients, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = numbered(clients, 1), numbered(clients, 2)
    run_publish(clients, second)
    show(clients, first.metadata_location)
    assert put_back(clients.s3, clients.glue, READERS) == first.metadata_location
    (warning,) = (one.getMessage() for one in caplog.records if one.levelname == "WARNING")
    assert "broken off between record and table" in warning
    assert "only the pipeline's Airflow role may move the table and start crawler output" in warning
    assert "StartCrawler" not in warning


def test_a_record_whose_metadata_is_gone_with_its_table_does_not_hold_back_the_table_made_anew(
    clients: FakeClients,
) -> None:
    run_publish(clients, verified(clients, 7))
    clients.glue.tables.clear()
    clients.s3.objects = {PUBLISHED_KEY: clients.s3.objects[PUBLISHED_KEY]}
    anew = verified(clients, 1, uuid="v")
    assert run_publish(clients, anew, lake_uuid="v") == anew
    assert shown(clients) == anew.metadata_location


def test_a_publish_after_an_undisturbed_one_warns_of_nothing(
    clients: FakeClients, caplog: pytest.LogCaptureFixture
) -> None:
    run_publish(clients, numbered(clients, 1))
    run_publish(clients, numbered(clients, 2))
    assert [one for one in caplog.records if one.levelname == "WARNING"] == []


def test_a_rival_that_publishes_further_in_between_is_not_taken_back(clients: FakeClients) -> None:
    run_publish(clients, verified(clients, 1))
    third = verified(clients, 3)
    clients.glue.before_update.append(lambda: run_publish(clients, third) and None)
    run_publish(clients, verified(clients, 2))
    assert (read_published(clients.s3, "b"), shown(clients)) == (third, third.metadata_location)


def test_a_rival_that_writes_the_record_first_is_not_taken_back(clients: FakeClients) -> None:
    run_publish(clients, verified(clients, 1))
    third = verified(clients, 3)
    clients.s3.before_put.append(lambda: run_publish(clients, third) and None)
    assert run_publish(clients, verified(clients, 2)) == third
    assert shown(clients) == third.metadata_location


def test_metadata_that_maintenance_wrote_for_the_same_snapshot_is_followed_forwards_only(clients: FakeClients) -> None:
    places = [numbered(clients, n).metadata_location for n in (9, 10)]
    before, after = (replace(verified(clients, 1), metadata_location=place) for place in places)
    run_publish(clients, before)
    assert run_publish(clients, after) == after
    assert run_publish(clients, before) == after
    assert shown(clients) == after.metadata_location


def test_rivals_that_both_create_the_table_end_at_the_further_one(clients: FakeClients) -> None:
    second = verified(clients, 2)
    clients.glue.before_update.append(lambda: run_publish(clients, second) and None)
    run_publish(clients, verified(clients, 1))
    assert shown(clients) == second.metadata_location


def test_a_crash_between_record_and_table_is_healed_forwards_by_whoever_comes_next(clients: FakeClients) -> None:
    first, second = verified(clients, 1), verified(clients, 2)
    run_publish(clients, first)
    clients.s3.objects[PUBLISHED_KEY] = second.to_json().encode()
    run_publish(clients, first)
    assert shown(clients) == second.metadata_location


def test_a_pointer_moved_by_hand_is_put_back(clients: FakeClients) -> None:
    first = verified(clients, 1)
    run_publish(clients, first)
    show(clients, "s3://b/elsewhere.json")
    assert point_to_published(clients.s3, clients.glue, READERS) == "s3://b/elsewhere.json"
    assert shown(clients) == first.metadata_location
    assert point_to_published(clients.s3, clients.glue, READERS) is None


def test_a_table_dropped_by_hand_is_made_again(clients: FakeClients) -> None:
    first = verified(clients, 1)
    run_publish(clients, first)
    clients.glue.tables.clear()
    assert point_to_published(clients.s3, clients.glue, READERS) == ""
    assert shown(clients) == first.metadata_location


def test_nothing_is_asserted_before_the_first_publish(clients: FakeClients) -> None:
    assert point_to_published(clients.s3, clients.glue, READERS) is None
    assert clients.glue.tables == {}


def test_someone_who_always_changes_the_table_first_is_reported(clients: FakeClients) -> None:
    run_publish(clients, verified(clients, 1))
    table = dict(clients.glue.tables[PLACE])

    def spoil() -> None:
        clients.glue.put_table("analytics", table)
        clients.glue.before_update.append(spoil)

    clients.glue.before_update.append(spoil)
    with pytest.raises(StateConflictError, match=r"analytics\.t"):
        run_publish(clients, verified(clients, 2))


def test_an_entry_that_a_crawler_left_with_empty_members_is_moved_too(clients: FakeClients) -> None:
    run_publish(clients, verified(clients, 1))
    clients.glue.tables[PLACE] |= {"Owner": "", "PartitionKeys": [], "Description": "tasks"}
    run_publish(clients, verified(clients, 2))
    table = clients.glue.tables[PLACE]
    assert ("Owner" in table, "PartitionKeys" in table, table["Description"]) == (False, False, "tasks")
