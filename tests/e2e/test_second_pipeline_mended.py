"""The second pipeline's table is damaged, then its declaration is mended and deployed: what readers see stays right.

One story in order, after the one of ``test_second_pipeline.py`` where that runs: the wider table stays.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from include.local_aws.process import AWS_PYTHON, ROOT
from tests.e2e.deploying import MendedCheckout
from tests.e2e.test_campaign_hours import newest_report
from tests.e2e.test_second_pipeline import route
from tests.readers_pointer import moves, shown_locations

pytestmark = [pytest.mark.spark, pytest.mark.deep]

CRAWL_CEILING_S = 30
CHECKS = ("row_key_unique", "key_not_null", "rows_match_list")
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
    return moves(shown_locations(one.client("glue"), one.pipeline.name))


def write_beside(one: LocalPipeline) -> None:
    table = f"{one.names.lake_database}.{one.pipeline.target.table}"
    command = [str(AWS_PYTHON), "-m", "tests.e2e.writing_beside", table, "planned_for", "route_no", "stop"]
    environment = {**os.environ, **one.running.environment, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def crawl_by_hand(one: LocalPipeline) -> None:
    glue, name = one.client("glue"), one.deployed.outputs["OutputCrawler"]
    glue.start_crawler(Name=name)
    deadline = time.monotonic() + CRAWL_CEILING_S
    while glue.get_crawler(Name=name)["Crawler"]["State"] != "READY":
        assert time.monotonic() < deadline, "the crawler does not come to rest"
        time.sleep(0.2)


def test_every_check_fails_on_what_somebody_wrote_and_readers_keep_what_was_verified(
    routes: LocalPipeline, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    before, lines = routes.shown_rows(), len(said)
    write_beside(routes)
    crawl_by_hand(routes)
    assert len(routes.shown_rows()) == len(before) + 3, "a crawl by hand shows what nobody verified"
    assert not routes.run("hourly")
    failures = {check: one for one in said[lines:] for check in CHECKS if f"verify.{check}: failed" in one}
    assert failures.keys() == set(CHECKS)
    assert all("found rows that should not be" in one and "reconcile with rebuild" in one for one in failures.values())
    assert "times=2" in failures["row_key_unique"]
    assert "route_no=None" in failures["key_not_null"]
    assert "expected_rows=" in failures["rows_match_list"]
    assert routes.shown_rows() == before
    assert f"Only the run's own task may start crawler {routes.deployed.outputs['OutputCrawler']}" in caplog.text


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
