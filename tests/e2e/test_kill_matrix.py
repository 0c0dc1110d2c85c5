"""Processes are killed at every step of real runs; the next one comes, and every change is there once.

One lake in order: every kill finds what the one before it left.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY
from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.killing import Kill, run_and_kill
from tests.readers_pointer import require_forwards, require_readers_went_forwards

pytestmark = [pytest.mark.spark, pytest.mark.deep]

STREAM_CEILING_S, DAY_S = 30, 86_400
TARGET = "/warehouse/user_campaign_tasks/"
MIRROR, LOOKUP_MIRROR = "/warehouse/mirror_user_campaign/", "/warehouse/mirror_campaign_info/"
# Around every commit of a merge: (what stands in the request that makes it, when its run is killed). Before a commit is after the last.
COMMITS = (
    (MIRROR, "before"),
    (MIRROR, "after"),
    (LOOKUP_MIRROR, "after"),
    ("/warehouse/quarantine/", "after"),
    (TARGET, "after"),
)
KILLS = (
    Kill("s3.PutObject", "after", "state/coverage.json"),
    Kill("dynamodb.ExportTableToPointInTime", "after"),
    Kill("dynamodb.DescribeExport", "before"),
    Kill("s3.PutObject", "after", "batches/"),
    Kill("glue.StartJobRun", "after"),
    Kill("glue.GetJobRun", "before"),
    Kill("athena.StartQueryExecution", "after"),
    Kill("s3.PutObject", "after", "state/published.json"),
    Kill("glue.UpdateTable", "after"),
    Kill("s3.CopyObject", "after", "applied/"),
    Kill("s3.PutObject", "after", '"plan": []'),
)


def put(campaign: LocalPipeline, table: str, item: dict[str, Any]) -> None:
    campaign.client("dynamodb").put_item(TableName=table, Item=item)


def change(campaign: LocalPipeline, hour: int) -> None:
    """An hour in which items come, shrink, move to another day, cannot be typed, and go; and a deadline moves."""
    dynamodb = campaign.client("dynamodb")
    tasks = [{"M": {"taskID": {"S": f"t{number}"}}} for number in range(3)]

    def progress(user: str, created: str, count: int) -> dict[str, Any]:
        keys = {"userID": {"S": user}, "campaignID": {"S": "killed"}, "createdAt": {"S": created}}
        return {**keys, "progressDetails": {"L": tasks[:count]}}

    put(campaign, "user_Campaign", progress(f"came in hour {hour}", f"2026-10-{hour % 28 + 1:02}", 2))
    put(campaign, "user_Campaign", progress("shrinks and grows", "2026-10-01", hour % 3 + 1))
    put(campaign, "user_Campaign", progress("moves", f"2026-10-{hour % 5 + 1:02}", 2))
    put(campaign, "user_Campaign", progress("cannot be typed", "someday" if hour % 2 else "2026-10-09", 1))
    key = {"userID": {"S": f"came in hour {hour - 2}"}, "campaignID": {"S": "killed"}}
    dynamodb.delete_item(TableName="user_Campaign", Key=key)
    deadline = {"M": {"taskID": {"S": "t1"}, "taskDeadline": {"S": f"2027-01-{hour % 28 + 1:02}"}}}
    put(campaign, "campaignInfo", {"campaignID": {"S": "killed"}, "campaignTasks": {"L": [deadline]}})
    campaign.advance(3600)
    wait_for_change_files(campaign)


def wait_for_change_files(campaign: LocalPipeline) -> None:
    """The stream function writes what it hears into the inbox within seconds."""
    deadline = time.monotonic() + STREAM_CEILING_S
    while not list_keys(campaign.client("s3"), campaign.bucket, "inbox/"):
        assert time.monotonic() < deadline, "the stream function wrote no change file"
        time.sleep(0.2)


def require_sound(campaign: LocalPipeline) -> None:
    """Every row is there once, nothing was paid twice, and readers' pointers have only gone forwards over published snapshots."""
    assert campaign.shown_rows() == campaign.expected_rows() != []
    s3, glue = campaign.client("s3"), campaign.client("glue")
    coverage = Coverage.from_json(read(campaign, COVERAGE_KEY))
    assert coverage.plan == ()
    keys = list_keys(s3, campaign.bucket, "exports/")
    paid = Counter(key.partition("/AWSDynamoDB/")[0] for key in keys if key.endswith("manifest-summary.json"))
    assert set(paid.values()) == {1}
    job_runs = glue.get_job_runs(JobName=campaign.deployed.outputs["MergeJob"])["JobRuns"]
    succeeded = Counter(one["Arguments"]["--batch_id"] for one in job_runs if one["JobRunState"] == "SUCCEEDED")
    assert set(succeeded.values()) == {1}
    require_readers_went_forwards(campaign, campaign.pipeline.name, campaign.bucket)


@pytest.mark.parametrize("newest_first", [["a", "b", "a"], ["unpublished", "a"]])
def test_a_pointer_that_went_astray_is_seen(newest_first: list[str]) -> None:
    sequences = {"a": 1, "b": 2, "unpublished": 3}
    require_forwards(["b", "b", "a"], sequences, {"a", "b"})
    with pytest.raises(AssertionError):
        require_forwards(newest_first, sequences, {"a", "b"})


def read(campaign: LocalPipeline, key: str) -> bytes:
    body: bytes = campaign.client("s3").get_object(Bucket=campaign.bucket, Key=key)["Body"].read()
    return body


def list_keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def arm(campaign: LocalPipeline, **fault: Any) -> None:
    campaign.running.ask("POST", "/_local/faults", fault)


def strikes_left(campaign: LocalPipeline) -> int:
    left: int = campaign.running.ask("GET", "/_local/status")["faults"]
    return left


@pytest.fixture(scope="module")
def lake(campaign: LocalPipeline) -> LocalPipeline:
    change(campaign, 0)
    assert campaign.run("bootstrap")
    require_sound(campaign)
    return campaign


def test_a_merge_job_that_is_killed_at_any_commit_is_finished_by_the_next_one(lake: LocalPipeline) -> None:
    before = lake.shown_rows()
    change(lake, 1)
    for commit, kill in COMMITS:
        arm(lake, target="AWSGlue.UpdateTable", match=commit, kill=kill)
    arm(lake, target="s3.PUT", match="/runs/", kill="before")
    while left := strikes_left(lake):
        assert not lake.run("hourly"), "its job was killed in every try"
        assert strikes_left(lake) < left
        assert lake.shown_rows() == before, "readers keep what was verified"
    assert lake.run("hourly")
    require_sound(lake)


def test_a_run_that_is_killed_at_any_step_is_taken_up_by_the_next_one(lake: LocalPipeline) -> None:
    shown = lake.shown_rows()
    for hour, kill in enumerate(KILLS, start=2):
        change(lake, hour)
        assert run_and_kill(lake, "hourly", kill), f"no call: {kill}"
        assert lake.shown_rows() in (shown, lake.expected_rows()), kill
        shown = lake.shown_rows()
    assert lake.run("hourly")
    require_sound(lake)


# One more than botocore tries a call by itself, where it does at all.
STORM = (
    ("DynamoDB_20120810.ExportTableToPointInTime", "ThrottlingException", 400, "", 5),
    ("DynamoDB_20120810.DescribeExport", "ExpiredTokenException", 400, "", 1),
    ("AWSGlue.GetJobRuns", "InternalServiceException", 500, "", 5),
    ("AWSGlue.StartJobRun", "ConcurrentRunsExceededException", 400, "", 1),
    ("AWSGlue.StartCrawler", "CrawlerRunningException", 400, "", 1),
    ("AWSGlue.UpdateTable", "ConcurrentModificationException", 400, TARGET, 1),
    ("AmazonAthena.StartQueryExecution", "TooManyRequestsException", 400, "", 5),
    ("s3.PUT", "SlowDown", 503, "/batches/", 5),
    ("s3.PUT", "InternalError", 500, "/state/published.json", 5),
)


def test_a_run_in_which_every_service_fails_now_and_then_ends_green(lake: LocalPipeline) -> None:
    change(lake, len(KILLS) + 2)
    lake.advance(DAY_S)  # its crawlers are due again
    for target, code, status, match, times in STORM:
        arm(lake, target=target, code=code, status=status, match=match, times=times)
    assert lake.run("hourly")
    assert strikes_left(lake) == 0
    require_sound(lake)
