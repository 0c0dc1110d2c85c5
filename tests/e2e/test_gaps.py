"""Point-in-time recovery switched off and on: named with its remedy, and a second bootstrap repairs what was missed."""

from __future__ import annotations

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.test_campaign_hours import USERS, column, progress, put, task

pytestmark = [pytest.mark.spark, pytest.mark.deep]


def switch_recovery(campaign: LocalPipeline, *, on: bool) -> None:
    specification = {"PointInTimeRecoveryEnabled": on}
    campaign.client("dynamodb").update_continuous_backups(
        TableName=USERS, PointInTimeRecoverySpecification=specification
    )


def delete(campaign: LocalPipeline, user: str) -> None:
    keys = {"userID": {"S": user}, "campaignID": {"S": "c1"}}
    campaign.client("dynamodb").delete_item(TableName=USERS, Key=keys)


def failed(said: list[str]) -> str:
    """The line of the task that failed last."""
    return next(line for line in reversed(said) if ": failed" in line)


def test_what_was_written_without_recovery_is_a_gap_that_a_second_bootstrap_repairs(
    campaign: LocalPipeline, said: list[str]
) -> None:
    put(campaign, USERS, progress("kept", {"S": "2026-11-01"}, [task(1)]))
    put(campaign, USERS, progress("gone", {"S": "2026-11-01"}, [task(1)]))
    assert campaign.run("bootstrap")
    assert column(campaign, "gone", "task_id") == ["t1"]
    campaign.advance(3600)
    switch_recovery(campaign, on=False)
    delete(campaign, "gone")
    assert not campaign.run("hourly")
    assert "has no point-in-time recovery: switch it on" in failed(said)
    switch_recovery(campaign, on=True)
    for kind in ("hourly", "reconcile"):
        assert not campaign.run(kind)
        assert "Gap: the chain of windows ends at" in failed(said)
        assert "Run campaign_bootstrap" in failed(said)
    campaign.advance(1800)
    assert campaign.run("bootstrap")
    assert campaign.shown_rows() == campaign.expected_rows() != []
    assert column(campaign, "gone", "task_id") == []
    put(campaign, USERS, progress("later", {"S": "2026-11-02"}, [task(1)]))
    campaign.advance(3600)
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows()
