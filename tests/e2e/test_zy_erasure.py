"""A deleted item, from its deletion until the declared days are over: then no object of the bucket holds a byte of it.

On the way ten idle days pass, and readers read on. After all other stories of this lake: the weeks that pass here take what they
may still look back at.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.names import PUBLISHED_KEY
from include.laptop.local_pipeline import LocalPipeline
from include.local_aws.process import AWS_PYTHON, ROOT
from tests.e2e.killing import run_and_kill
from tests.e2e.kills import Kill
from tests.e2e.test_campaign_hours import USERS, newest_report, progress, put, read_state, task

# A story before this one mends a declaration: Airflow then has two serialized DAGs of one run's version, and warns of it.
TWICE = "default:Multiple rows returned with uselist=False"
pytestmark = [pytest.mark.spark, pytest.mark.deep, pytest.mark.filterwarnings(TWICE)]

USER, VALUE = "user-to-erase-7f3a", "value-to-erase-91bc"
DAY = timedelta(days=1)
ITEM: dict[str, Any] = {
    "userID": {"S": USER},
    "campaignID": {"S": "c-erase"},
    "createdAt": {"S": "2026-02-03T04:05:06Z"},
    "userCampaignProgressState": {"S": VALUE},
    "progressDetails": {"L": [{"M": {"taskID": {"S": "t1"}, "validationFailureReason": {"S": VALUE}}}]},
}
UNTYPABLE = {**ITEM, "campaignID": {"S": "c-bad"}, "createdAt": {"S": VALUE}}


def places(campaign: LocalPipeline, text: str) -> set[str]:
    """The first folders of the bucket below which any version of any object holds the text."""
    command = [str(AWS_PYTHON), "-m", "tests.e2e.bucket_search", campaign.bucket, text]
    environment = {**os.environ, **campaign.running.environment, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return {"/".join(key.split("/")[:2]) for key in found.stdout.splitlines()}


def advance_to(campaign: LocalPipeline, instant: datetime) -> None:
    campaign.advance(int((instant - campaign.now()).total_seconds()))


def row_count_as_of(campaign: LocalPipeline, instant: datetime) -> int:
    moment = f"TIMESTAMP '{instant:%Y-%m-%d %H:%M:%S} UTC'"
    return int(campaign.query(f"SELECT count(*) FROM {campaign.target} FOR TIMESTAMP AS OF {moment}").rows[0][0] or 0)


def snapshot_ids(campaign: LocalPipeline) -> list[str | None]:
    table = f'"{campaign.names.lake_database}"."{campaign.pipeline.target.table}$snapshots"'
    return [row[0] for row in campaign.query(f"SELECT snapshot_id FROM {table} ORDER BY committed_at").rows]


def maintain_after_ten_idle_days(campaign: LocalPipeline, last_run: datetime) -> None:
    """The first run maintains the tables and dies before its checks; then, and after the next one, readers go back as far as declared."""
    put(campaign, USERS, progress("came while idle", {"S": "2026-02-04"}, [task(1)]))
    shown, published = campaign.shown_rows(), json.loads(read_state(campaign, PUBLISHED_KEY))["snapshot_id"]
    advance_to(campaign, last_run + 10 * DAY)
    assert campaign.shown_rows() == shown
    in_reach = campaign.now() - (campaign.pipeline.retention.time_travel_days - 0.5) * DAY
    assert run_and_kill(campaign, "bootstrap", Kill("athena.StartQueryExecution", "before"))
    assert "maintain" in [phase["name"] for phase in newest_report(campaign)["phases"]]
    assert snapshot_ids(campaign)[0] == str(published), "older ones are gone"
    assert len(snapshot_ids(campaign)) > 1
    assert (campaign.shown_rows(), row_count_as_of(campaign, in_reach)) == (shown, len(shown))
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows() != shown
    assert row_count_as_of(campaign, in_reach) == len(shown)
    with pytest.raises(TerminalError, match="Athena FAILED"):
        row_count_as_of(campaign, last_run - DAY)


def test_a_deleted_item_is_in_no_object_once_the_declared_days_are_over(campaign: LocalPipeline) -> None:
    dynamodb, table = campaign.client("dynamodb"), campaign.pipeline.main.table
    for item in (ITEM, UNTYPABLE):
        dynamodb.put_item(TableName=table, Item=item)
    assert campaign.run("bootstrap")
    warehouse = {"warehouse/mirror_user_campaign", "warehouse/user_campaign_tasks", "warehouse/quarantine"}
    assert {"exports/user_campaign", *warehouse} <= places(campaign, VALUE)

    deleted_at = campaign.now()
    for item in (ITEM, UNTYPABLE):
        dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("userID", "campaignID")})
    # Weeks are crossed by full exports: two exports in place of two for every day.
    for day, kind in ((1, "hourly"), (2.2, "hourly"), (9, "bootstrap"), (37.5, "bootstrap"), (39.2, "hourly")):
        advance_to(campaign, deleted_at + day * DAY)
        assert campaign.run(kind), f"day {day}"
        if day == 9:
            campaign.advance(int(5 * DAY.total_seconds()))
            assert places(campaign, VALUE) <= {"exports/user_campaign", "applied/user_campaign"}
            assert "warehouse/mirror_user_campaign" in places(campaign, USER), "its tombstone keeps the key"
            maintain_after_ten_idle_days(campaign, deleted_at + day * DAY)
    days = campaign.pipeline.retention.erase_within_days
    advance_to(campaign, deleted_at + days * DAY)
    assert places(campaign, VALUE) == set()
    assert places(campaign, USER) == set()
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows()
