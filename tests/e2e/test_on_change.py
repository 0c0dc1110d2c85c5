"""Changes that arrive by themselves: stream, function, inbox, on-change run; rows out of Athena, no export and no clock.

Goes on from the lake that `test_campaign_hours.py` left.
"""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest

from include.dynamo_lake.names import APPLIED_PREFIX, INBOX_PREFIX, REJECTED_PREFIX
from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.test_campaign_hours import USERS, column, newest_report, progress, put, task

pytestmark = pytest.mark.spark

CAPTURE_CEILING_S = 60


def keys_below(campaign: LocalPipeline, prefix: str) -> set[str]:
    pages = campaign.client("s3").get_paginator("list_objects_v2").paginate(Bucket=campaign.bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def captured(campaign: LocalPipeline, *users: str) -> None:
    """Wait until the function has written these users' changes into the inbox."""
    deadline = time.monotonic() + CAPTURE_CEILING_S
    while missing := [user for user in users if not _is_captured(campaign, user)]:
        assert time.monotonic() < deadline, f"no change of {missing} in the inbox after {CAPTURE_CEILING_S} s"
        time.sleep(0.5)


def _is_captured(campaign: LocalPipeline, user: str) -> bool:
    s3 = campaign.client("s3")
    bodies = (
        s3.get_object(Bucket=campaign.bucket, Key=key)["Body"].read() for key in keys_below(campaign, INBOX_PREFIX)
    )
    return any(f'"{user}"'.encode() in gzip.decompress(body) for body in bodies)


def job_runs(campaign: LocalPipeline) -> int:
    return len(campaign.client("glue").get_job_runs(JobName=campaign.deployed.outputs["MergeJob"])["JobRuns"])


def waiting_calls(campaign: LocalPipeline) -> int:
    queue = campaign.deployed.outputs["WakeUpQueueUrl"]
    answer = campaign.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_a_write_shows_without_an_export_and_its_file_moves_on(campaign: LocalPipeline, said: list[str]) -> None:
    put(campaign, USERS, progress("heard", {"S": "2026-11-05T00:00:00Z"}, [task(1), task(2)]))
    captured(campaign, "heard")
    exports, lines = keys_below(campaign, "exports/"), len(said)
    assert campaign.run("on_change")
    assert not [line for line in said[lines:] if "failed" in line]
    assert column(campaign, "heard", "task_id") == ["t1", "t2"]
    assert campaign.shown_rows() == campaign.expected_rows()
    assert keys_below(campaign, INBOX_PREFIX) == set()
    assert keys_below(campaign, APPLIED_PREFIX) != set()
    assert keys_below(campaign, "exports/") == exports
    assert waiting_calls(campaign) == 0


def test_an_empty_inbox_is_a_quick_run_without_a_job(campaign: LocalPipeline, said: list[str]) -> None:
    before, lines = job_runs(campaign), len(said)
    assert campaign.run("on_change")
    assert job_runs(campaign) == before
    assert [line.strip() for line in said[lines:]] == ["plan: success"]


def test_files_that_a_crash_left_are_applied_again_to_no_effect_and_damaged_ones_are_put_aside(
    campaign: LocalPipeline,
) -> None:
    """Merged and published, not moved: the files are still there when the next run comes."""
    s3, rows = campaign.client("s3"), campaign.shown_rows()
    s3.put_object(Bucket=campaign.bucket, Key=f"{INBOX_PREFIX}user_campaign/cut.json.gz", Body=gzip.compress(b"{")[:-9])
    s3.put_object(Bucket=campaign.bucket, Key=f"{INBOX_PREFIX}readme.txt", Body=b"hello")
    for key in keys_below(campaign, APPLIED_PREFIX):
        again = INBOX_PREFIX + key.removeprefix(APPLIED_PREFIX)
        s3.copy_object(Bucket=campaign.bucket, Key=again, CopySource={"Bucket": campaign.bucket, "Key": key})
    assert campaign.run("on_change")
    counts: dict[str, Any] = newest_report(campaign)["statements"]
    assert sum(one["read"] for one in counts.values()) > 0
    assert sum(one["applied"] for one in counts.values()) == 0
    assert list(newest_report(campaign)["set_aside"]) == [f"{INBOX_PREFIX}user_campaign/cut.json.gz"]
    assert campaign.shown_rows() == rows
    assert keys_below(campaign, INBOX_PREFIX) == set()
    rejected = [f"{REJECTED_PREFIX}{name}" for name in ("user_campaign/cut.json.gz", "_unknown/readme.txt")]
    assert keys_below(campaign, REJECTED_PREFIX) == {*rejected, *(f"{key}.reason.json" for key in rejected)}


def test_an_hourly_run_takes_what_no_call_was_heard_for(campaign: LocalPipeline) -> None:
    """The watcher is dead, or the message is lost."""
    campaign.client("dynamodb").delete_item(TableName=USERS, Key={"userID": {"S": "heard"}, "campaignID": {"S": "c1"}})
    captured(campaign, "heard")
    campaign.client("sqs").purge_queue(QueueUrl=campaign.deployed.outputs["WakeUpQueueUrl"])
    assert campaign.run("hourly")
    assert column(campaign, "heard", "task_id") == []
    assert campaign.shown_rows() == campaign.expected_rows()
    assert keys_below(campaign, INBOX_PREFIX) == set()
