"""A bootstrap and three hours of the shipped pipeline: real Airflow, real Spark, real Iceberg; rows out of Athena.

One story in order: every test goes on from where the one before it left the lake.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import COVERAGE_KEY, PUBLISHED_KEY
from include.laptop.local_pipeline import LocalPipeline

pytestmark = pytest.mark.spark

USERS, CAMPAIGNS = "user_Campaign", "campaignInfo"
Item = dict[str, Any]


def task(number: int, **values: Item) -> Item:
    return {"M": {"taskID": {"S": f"t{number}"}, "rewardEarned": {"N": str(number)}, **values}}


def progress(user: str, created: Item, entries: list[Item], **values: Item) -> Item:
    keys = {"userID": {"S": user}, "campaignID": {"S": "c1"}, "createdAt": created}
    return {**keys, "progressDetails": {"L": entries}, **values}


def campaign_item(deadline: Item) -> Item:
    tasks = [{"M": {"taskID": {"S": f"t{number}"}, "taskDeadline": deadline}} for number in (1, 2)]
    return {"campaignID": {"S": "c1"}, "createdAt": {"S": "2026-01-01"}, "campaignTasks": {"L": tasks}}


def put(campaign: LocalPipeline, table: str, *items: Item) -> None:
    dynamodb = campaign.client("dynamodb")
    for item in items:
        dynamodb.put_item(TableName=table, Item=item)


def column(campaign: LocalPipeline, user: str, name: str) -> list[str | None]:
    sql = f"SELECT {name} FROM {campaign.target} WHERE user_id = '{user}' ORDER BY position"
    return [row[0] for row in campaign.query(sql).rows]


def newest_report(campaign: LocalPipeline) -> dict[str, Any]:
    s3 = campaign.client("s3")
    listed = s3.list_objects_v2(Bucket=campaign.bucket, Prefix="runs/")["Contents"]
    newest = max(listed, key=lambda entry: entry["Key"])
    report: dict[str, Any] = json.loads(s3.get_object(Bucket=campaign.bucket, Key=newest["Key"])["Body"].read())
    return report


def read_state(campaign: LocalPipeline, key: str) -> bytes:
    body: bytes = campaign.client("s3").get_object(Bucket=campaign.bucket, Key=key)["Body"].read()
    return body


def coverage_of(campaign: LocalPipeline) -> Coverage:
    return Coverage.from_json(read_state(campaign, COVERAGE_KEY))


def test_an_hourly_run_before_the_bootstrap_refuses_and_names_it(campaign: LocalPipeline, said: list[str]) -> None:
    assert not campaign.run("hourly")
    assert [line for line in said if "plan: failed" in line and "run campaign_bootstrap" in line]


def test_a_bootstrap_publishes_what_the_tables_hold(campaign: LocalPipeline) -> None:
    put(campaign, CAMPAIGNS, campaign_item({"N": "1800000000"}))
    put(
        campaign,
        USERS,
        progress("updated", {"S": "2026-11-01T10:00:00Z"}, [task(1), task(2)], totalTaskRewardsEarned={"N": "12.5"}),
        progress("deleted", {"N": "1793527200"}, [task(1)]),
        progress("shrunk", {"N": "1793527200000"}, [task(1), task(2), task(1), task(9)]),
        progress("moved", {"S": "2026-11-01T23:30:00-02:00"}, [task(2)]),
        progress("empty", {"S": "2026-11-03"}, []),
        progress("bad", {"S": "yesterday"}, [task(1)]),
    )
    assert campaign.run("bootstrap")
    assert campaign.shown_rows() == campaign.expected_rows() != []
    assert column(campaign, "bad", "task_id") == []
    assert newest_report(campaign)["quarantine"]["total"] == 1
    assert json.loads(read_state(campaign, PUBLISHED_KEY))["snapshot_id"]


def test_the_first_hour_brings_inserts_updates_deletes_and_a_shrunken_list(campaign: LocalPipeline) -> None:
    put(
        campaign,
        USERS,
        progress("inserted", {"S": "2026-11-05T01:02:03.123456Z"}, [task(1), task(2)]),
        progress("updated", {"S": "2026-11-01T10:00:00Z"}, [task(1), task(2)], totalTaskRewardsEarned={"N": "99"}),
        progress("shrunk", {"N": "1793527200000"}, [task(2)]),
        progress("bad", {"S": "2026-11-04T00:00:00Z"}, [task(1)]),
    )
    campaign.client("dynamodb").delete_item(
        TableName=USERS, Key={"userID": {"S": "deleted"}, "campaignID": {"S": "c1"}}
    )
    campaign.advance(3600)
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows()
    assert column(campaign, "deleted", "task_id") == []
    assert column(campaign, "shrunk", "task_id") == ["t2"]
    assert column(campaign, "bad", "task_id") == ["t1"]
    assert newest_report(campaign)["quarantine"] | {"reasons": {}} == {
        "total": 0,
        "entered": 0,
        "left": 1,
        "share": 0.0,
        "reasons": {},
        "sources": {},
    }


def test_a_skipped_hour_is_caught_up_with_a_moved_day_and_a_moved_deadline(campaign: LocalPipeline) -> None:
    put(campaign, USERS, progress("moved", {"S": "2026-11-09T00:00:00Z"}, [task(2)]))
    campaign.advance(3600)
    put(campaign, CAMPAIGNS, campaign_item({"S": "2027-03-01T00:00:00Z"}))
    campaign.advance(3600)
    before = coverage_of(campaign)
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows()
    assert set(column(campaign, "updated", "task_deadline")) == {"2027-03-01 00:00:00.000000"}
    assert column(campaign, "moved", "created_at") == ["2026-11-09 00:00:00.000000"]
    after = coverage_of(campaign)
    assert after.plan == ()
    assert before.covered_through is not None
    assert after.log[-1].start == before.covered_through
    assert after.covered_through == after.log[-1].end


def test_an_hour_without_changes_starts_no_job_and_moves_coverage(campaign: LocalPipeline) -> None:
    runs_before = len(campaign.client("glue").get_job_runs(JobName=campaign.deployed.outputs["MergeJob"])["JobRuns"])
    before = coverage_of(campaign)
    campaign.advance(3600)
    assert campaign.run("hourly")
    after = coverage_of(campaign)
    runs = len(campaign.client("glue").get_job_runs(JobName=campaign.deployed.outputs["MergeJob"])["JobRuns"])
    assert before.covered_through is not None
    assert after.covered_through is not None
    assert after.covered_through > before.covered_through
    assert runs == runs_before


def test_a_run_that_verification_fails_keeps_readers_and_plan_and_the_next_one_after_the_mending_takes_both_hours(
    campaign: LocalPipeline, said: list[str]
) -> None:
    published, covered, shown = (read_state(campaign, PUBLISHED_KEY), coverage_of(campaign), campaign.shown_rows())
    put(campaign, USERS, progress("sound", {"S": "2026-11-06T00:00:00Z"}, [task(1)]))
    put(campaign, USERS, progress("odd", {"S": "yesterday"}, [task(1)]))
    campaign.advance(3600)
    strict = replace(campaign.pipeline.checks, min_quarantined_items=1, max_quarantined_share=0.0)
    declared = {campaign.pipeline.name: replace(campaign.pipeline, checks=strict)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lake_airflow.pipelines.read_declaration", lambda name: declared.get(name) or read_declaration(name)
        )
        assert not campaign.run("hourly")
    assert [line for line in said if "verify.counts: failed" in line and "Too many items are in quarantine" in line]
    assert (read_state(campaign, PUBLISHED_KEY), campaign.shown_rows()) == (published, shown)
    assert coverage_of(campaign).covered_through == covered.covered_through
    (kept,) = coverage_of(campaign).plan
    put(campaign, USERS, progress("odd", {"S": "2026-11-06"}, [task(1)]))
    campaign.advance(3600)
    assert campaign.run("hourly")
    assert campaign.shown_rows() == campaign.expected_rows() != shown
    assert coverage_of(campaign).plan == ()
    assert kept in coverage_of(campaign).log
