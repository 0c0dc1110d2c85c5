"""The tables against the declaration: a wrong key fails, everything else warns once."""

from __future__ import annotations

from typing import Any

import pytest
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.contract import check_contract, crawled_name, declared_attributes

from include.dynamo_lake.errors import ContractError
from tests.plugins.fakes import FakeClients


@pytest.fixture
def lake(clients: FakeClients, pipeline: str) -> Lake:
    lake = read_lake(pipeline)
    for source in lake.sources:
        clients.dynamodb.keys[lake.table_name(source.id)] = [(key.name, key.type) for key in source.key]
        clients.dynamodb.streams[lake.table_name(source.id)] = stream_of(lake.stream_arn(source.id))
    return lake


def stream_of(arn: str, view: str = "NEW_IMAGE", *, enabled: bool = True) -> dict[str, Any]:
    return {"LatestStreamArn": arn, "StreamSpecification": {"StreamEnabled": enabled, "StreamViewType": view}}


def crawl(clients: FakeClients, lake: Lake, source_id: str, **types: str) -> None:
    columns = [{"Name": name, "Type": kind} for name, kind in types.items()]
    table: dict[str, Any] = {"StorageDescriptor": {"Columns": columns}}
    clients.glue.tables[lake.settings.sources_database, lake.table_name(source_id).lower()] = table


def crawl_as_declared(clients: FakeClients, lake: Lake, **others: str) -> None:
    """As a crawler would find tables of declared types; ``others``: what it finds inside the main source's entries instead."""
    for source in lake.sources:
        declared = declared_attributes(lake.pipeline, source)
        types = {name: "string" if "S" in tags or not tags else "bigint" for name, tags in declared.items()}
        (entries,) = (name for name, tags in declared.items() if tags == {"L"})
        inside = {name.partition("[].")[2]: kind for name, kind in types.items() if "[]." in name}
        inside |= others if source == lake.pipeline.main else {}
        members = ",".join(f"{name}:{kind}" for name, kind in inside.items())
        top = {name: kind for name, kind in types.items() if "[]." not in name}
        crawl(clients, lake, source.id, **{**top, entries: f"array<struct<{members}>>"})


def test_tables_as_declared_pass_without_a_word(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    crawl_as_declared(clients, lake)
    assert check_contract(pipeline) == []


def test_another_key_fails_and_names_both_sides(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    main = lake.pipeline.main
    clients.dynamodb.keys[lake.table_name(main.id)] = [("accountID", "N")]
    declared = " + ".join(f"{key.name} ({key.type})" for key in main.key)
    with pytest.raises(ContractError) as caught:
        check_contract(pipeline)
    assert "has the key accountID (N), the declaration says" in str(caught.value)
    assert declared in str(caught.value)
    assert f"sources.{main.id}.key" in str(caught.value)


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        ({}, "is off"),
        (stream_of("mapped", enabled=False), "is off"),
        (stream_of("another"), "has the stream another, the function hears"),
        (stream_of("mapped", view="KEYS_ONLY"), "shows KEYS_ONLY, without new images"),
    ],
)
def test_a_stream_that_is_not_heard_is_named_with_the_remedy(
    clients: FakeClients, lake: Lake, pipeline: str, stream: dict[str, Any], told: str
) -> None:
    crawl_as_declared(clients, lake)
    main = lake.pipeline.main.id
    mapped = {"LatestStreamArn": lake.stream_arn(main)} if stream.get("LatestStreamArn") == "mapped" else {}
    clients.dynamodb.streams[lake.table_name(main)] = {**stream, **mapped}
    (warning,) = check_contract(pipeline)
    assert told in warning
    assert "deploy again" in warning


def test_a_pipeline_that_hears_no_stream_misses_none(
    clients: FakeClients, lake: Lake, pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl_as_declared(clients, lake)
    clients.dynamodb.streams.clear()
    for role in ("MAIN", "LOOKUP"):
        monkeypatch.setenv(f"AIRFLOW__LAKE_{pipeline.upper()}__{role}_STREAM_ARN", "")
    assert check_contract(pipeline) == []


def test_the_order_of_a_key_counts(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    table = lake.table_name(lake.pipeline.main.id)
    clients.dynamodb.keys[table].reverse()
    with pytest.raises(ContractError):
        check_contract(pipeline)


def test_a_new_attribute_warns(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    crawl_as_declared(clients, lake)
    place = lake.settings.sources_database, lake.table_name(lake.pipeline.main.id).lower()
    clients.glue.tables[place]["StorageDescriptor"]["Columns"].append({"Name": "mood", "Type": "string"})
    (warning,) = check_contract(pipeline)
    assert "attribute mood (string) is not in the declaration" in warning


def test_what_was_warned_of_is_told_on_and_warned_of_again_only_after_it_was_gone(
    clients: FakeClients, lake: Lake, pipeline: str, caplog: pytest.LogCaptureFixture
) -> None:
    def warned() -> list[str]:
        caplog.clear()
        check_contract(pipeline)
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    crawl_as_declared(clients, lake)
    place = lake.settings.sources_database, lake.table_name(lake.pipeline.main.id).lower()
    columns = clients.glue.tables[place]["StorageDescriptor"]["Columns"]
    columns.append({"Name": "mood", "Type": "string"})
    with caplog.at_level("INFO"):
        first = warned()
        assert (first, warned()) == (check_contract(pipeline), [])
        columns.append({"Name": "tone", "Type": "string"})
        assert len(warned()) == 1
        assert len(check_contract(pipeline)) == 2
        del columns[-2:]
        assert warned() == []
        columns.append({"Name": "mood", "Type": "string"})
        assert warned() == first != []


def test_an_odd_type_warns_and_names_what_is_accepted(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    crawl_as_declared(clients, lake)
    source = lake.pipeline.main
    crawl(clients, lake, source.id, **{source.key[0].name.lower(): "struct<a:string>"})
    (warning,) = check_contract(pipeline)
    assert "was crawled as struct<a:string>, the declaration accepts S" in warning


def test_a_new_attribute_of_an_entry_warns(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    crawl_as_declared(clients, lake, bonus="decimal(10,2)", extra="struct<a:string,b:array<struct<c:string,d:bigint>>>")
    entries = lake.pipeline.target.list.lower()
    assert [warning.partition(" is not in")[0].partition(": ")[2] for warning in check_contract(pipeline)] == [
        f"attribute {entries}[].bonus (decimal(10,2))",
        f"attribute {entries}[].extra (struct<a:string,b:array<struct<c:string,d:bigint>>>)",
    ]


def test_an_odd_type_inside_an_entry_warns(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    of_entries = [one.attribute for one in lake.pipeline.target.columns if one.origin == "item" and one.attribute]
    name = next(one.name for one in of_entries if one.list)
    crawl_as_declared(clients, lake, **{name.lower(): "boolean"})
    (warning,) = check_contract(pipeline)
    assert f"attribute {lake.pipeline.target.list.lower()}[].{name.lower()} was crawled as boolean" in warning


def test_a_list_that_is_none_warns(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    crawl_as_declared(clients, lake)
    place = lake.settings.sources_database, lake.table_name(lake.pipeline.main.id).lower()
    (column,) = (
        one
        for one in clients.glue.tables[place]["StorageDescriptor"]["Columns"]
        if one["Name"] == lake.pipeline.target.list.lower()
    )
    column["Type"] = "string"
    (warning,) = check_contract(pipeline)
    assert "was crawled as string, the declaration accepts L" in warning


def test_a_table_is_looked_for_under_the_name_that_a_crawler_gives_it() -> None:
    assert [crawled_name(name) for name in ("user_Campaign", "Parcel-Routes", "v2.Orders")] == [
        "user_campaign",
        "parcel_routes",
        "v2_orders",
    ]


def test_a_table_that_was_never_crawled_is_told(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    assert [warning.split(" is not in database")[0] for warning in check_contract(pipeline)] == [
        f"Source {source.id}" for source in lake.sources
    ]


def test_attributes_of_both_sources_are_declared_where_they_belong(lake: Lake) -> None:
    pipeline = lake.pipeline
    main = declared_attributes(pipeline, pipeline.main)
    assert pipeline.target.list.lower() in main
    assert pipeline.lookup is not None
    lookup = declared_attributes(pipeline, pipeline.source(pipeline.lookup.source))
    assert pipeline.lookup.list.lower() in lookup
    assert pipeline.target.list.lower() not in lookup
