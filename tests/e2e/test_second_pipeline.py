"""A second pipeline by one declaration: its own DAGs, stack, databases and tables, side by side with the first."""

from __future__ import annotations

from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline

pytestmark = [pytest.mark.spark, pytest.mark.deep]

Item = dict[str, Any]


@pytest.fixture(scope="module")
def routes(pipelines: dict[str, LocalPipeline]) -> LocalPipeline:
    return pipelines["parcel_routes"]


def route(number: int, planned_for: str, *stops: Item) -> Item:
    item = {"routeNo": {"N": str(number)}, "plannedFor": {"S": planned_for}, "depotCode": {"S": "NORTH"}}
    return {**item, "stops": {"L": [{"M": stop} for stop in stops]}}


def depot(opens_at: str) -> Item:
    gates = [{"M": {"name": {"S": "A"}, "opensAt": {"S": opens_at}, "note": {"S": ""}}}]
    return {"depotCode": {"S": "NORTH"}, "gates": {"L": gates}}


def test_its_tables_follow_bootstrap_and_hour(routes: LocalPipeline) -> None:
    dynamodb = routes.client("dynamodb")
    dynamodb.put_item(TableName="Depots", Item=depot("2026-11-01T06:00:00Z"))
    stops = {"gate": {"S": "A"}, "weightKg": {"N": "1.5"}}, {"gate": {"S": "B"}, "weightKg": {"S": "heavy"}}
    dynamodb.put_item(TableName="Parcel-Routes", Item=route(7, "2026-11-01", *stops))
    dynamodb.put_item(TableName="Parcel-Routes", Item=route(12345678901234567890, "2026-11-02", *stops))
    assert routes.run("bootstrap")
    first = routes.shown_rows()
    assert first == routes.expected_rows()
    assert len(first) == 4
    dynamodb.delete_item(TableName="Parcel-Routes", Key={"routeNo": {"N": "7"}})
    dynamodb.put_item(TableName="Depots", Item=depot("2026-11-01T05:30:00Z"))
    routes.advance(3600)
    assert routes.run("hourly")
    assert routes.shown_rows() == routes.expected_rows()
    opened = routes.query(f"SELECT opens_at, gate_note FROM {routes.target} WHERE gate = 'A'").rows
    assert opened == (("2026-11-01 05:30:00.000000", ""),)


def test_the_first_pipeline_is_not_touched(routes: LocalPipeline, campaign: LocalPipeline) -> None:
    assert campaign.deployed.stack != routes.deployed.stack
    assert campaign.shown_rows() == campaign.expected_rows()
