"""The second pipeline's declaration is mended and deployed: what was in quarantine comes in.

One story in order, after the one of ``test_second_pipeline.py`` where that runs: the wider table stays.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.deploying import MendedCheckout
from tests.e2e.test_campaign_hours import newest_report
from tests.e2e.test_second_pipeline import route
from tests.readers_pointer import shown_locations

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# A wider number, an accepted tag, a longer number in an entry, and a lookup's error that no longer matters.
CORRECTIONS = {
    'type = "decimal(5,2)", from = "tollPaid", accept = ["N"]': 'type = "decimal(9,2)", from = "tollPaid", accept = ["N", "S"]',
    'type = "decimal(9,3)"': 'type = "decimal(12,3)"',
    'lookup = "gates[].opensAt"': 'lookup = "gates[].opensAt", on_error = "null"',
}


@pytest.fixture(scope="module")
def routes(pipelines: dict[str, LocalPipeline]) -> LocalPipeline:
    """A lake in which two routes and a depot cannot be typed."""
    one = pipelines["parcel_routes"]
    dynamodb = one.client("dynamodb")
    stop = {"gate": {"S": "A"}, "weightKg": {"N": "1234567.5"}}
    gates = {"L": [{"M": {"name": {"S": "A"}, "opensAt": {"S": "at dawn"}, "note": {"S": "bell"}}}]}
    dynamodb.put_item(TableName="Depots", Item={"depotCode": {"S": "NORTH"}, "gates": gates})
    dynamodb.put_item(TableName="Parcel-Routes", Item=route(1, "2026-11-01", stop))
    for number, toll in ((2, {"N": "1234.5"}), (3, {"S": "12.5"})):
        item = route(number, f"2026-11-0{number}", stop)
        dynamodb.put_item(TableName="Parcel-Routes", Item={**item, "tollPaid": toll})
    assert one.run("bootstrap")
    assert one.shown_rows() == one.expected_rows() != []
    assert quarantined(one) == 3
    return one


def lake(one: LocalPipeline, table: str) -> str:
    return f'"{one.names.lake_database}"."{table}"'


def quarantined(one: LocalPipeline) -> int:
    return int(one.query(f"SELECT count(*) FROM {lake(one, 'quarantine')}").rows[0][0] or 0)


def history(one: LocalPipeline) -> list[str | None]:
    """The target's snapshots, the oldest first."""
    table = lake(one, f"{one.pipeline.target.table}$history")
    return [row[0] for row in one.query(f"SELECT snapshot_id FROM {table} ORDER BY made_current_at").rows]


def shown_in_turn(one: LocalPipeline) -> list[str]:
    """What the readers' table pointed to, the oldest first."""
    return [location for location, _ in groupby(reversed(shown_locations(one.client("glue"), one.pipeline.name)))]


@pytest.fixture
def mended(tmp_path: Path, routes: LocalPipeline) -> MendedCheckout:
    return MendedCheckout.build(tmp_path / "mended", routes.pipeline.name, CORRECTIONS)


def test_a_rebuild_under_the_mended_declaration_brings_in_what_was_quarantined_in_one_commit(
    routes: LocalPipeline, mended: MendedCheckout
) -> None:
    rebuild: dict[str, Any] = {"rebuild": True}
    before, snapshots, shown = routes.shown_rows(), history(routes), shown_in_turn(routes)
    succeeded, told = mended.run(mended.under(routes), "reconcile", rebuild)
    assert not succeeded
    assert "Half a deployment" in told
    assert (routes.shown_rows(), history(routes)) == (before, snapshots)

    wider = mended.deploy(routes)
    succeeded, told = mended.run(wider, "reconcile", rebuild)
    assert succeeded, told[-5000:]
    assert history(wider)[:-1] == snapshots
    assert shown_in_turn(wider)[:-1] == shown
    assert quarantined(wider) == 0
    assert newest_report(wider)["quarantine"]["left"] == 3
    assert wider.shown_rows() == wider.expected_rows()
    rows = wider.query(f"SELECT route_no, toll, weight_kg, gate_note FROM {wider.target} ORDER BY route_no").rows
    assert [row for row in rows if row[0] in {"1", "2", "3"}] == [
        ("1", None, "1234567.500", "bell"),
        ("2", "1234.50", "1234567.500", "bell"),
        ("3", "12.50", "1234567.500", "bell"),
    ]
