"""A deleted item, from its deletion until the declared days are over: then no object of the bucket holds a byte of it.

After all other stories of this lake: the weeks that pass here take what they may still look back at.
"""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from include.local_aws.process import AWS_PYTHON, ROOT

pytestmark = [pytest.mark.spark, pytest.mark.deep]

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
        campaign.advance(int((deleted_at + day * DAY - campaign.now()).total_seconds()))
        assert campaign.run(kind), f"day {day}"
        if day == 9:
            campaign.advance(int(5 * DAY.total_seconds()))
            assert places(campaign, VALUE) <= {"exports/user_campaign", "applied/user_campaign"}
            assert "warehouse/mirror_user_campaign" in places(campaign, USER), "its tombstone keeps the key"
    days = campaign.pipeline.retention.erase_within_days
    campaign.advance(int((deleted_at + days * DAY - campaign.now()).total_seconds()))
    assert places(campaign, VALUE) == set()
    assert places(campaign, USER) == set()
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows()
