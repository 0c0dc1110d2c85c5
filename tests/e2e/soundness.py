"""What the tests share that kill runs and make AWS fail: hours full of changes, faults, and what must hold after each."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from typing import Any

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY, INBOX_PREFIX
from include.laptop.local_pipeline import LocalPipeline
from tests.readers_pointer import require_readers_went_forwards

STREAM_CEILING_S, DAY_S = 60, 86_400
TARGET, QUARANTINE = "/warehouse/user_campaign_tasks/", "/warehouse/quarantine/"
MIRROR, LOOKUP_MIRROR = "/warehouse/mirror_user_campaign/", "/warehouse/mirror_campaign_info/"


def put(campaign: LocalPipeline, table: str, item: dict[str, Any]) -> None:
    campaign.client("dynamodb").put_item(TableName=table, Item=item)


def change(campaign: LocalPipeline) -> None:
    """An hour in which items come, shrink, move to another day, cannot be typed, and go; a deadline moves; the stream tells it all."""
    hour = int(campaign.now().timestamp()) // 3600
    tasks = [{"M": {"taskID": {"S": f"t{number}"}}} for number in range(3)]

    def progress(user: str, created: str, count: int) -> dict[str, Any]:
        keys = {"userID": {"S": user}, "campaignID": {"S": "killed"}, "createdAt": {"S": created}}
        state = {"userCampaignProgressState": {"S": f"hour {hour}"}}
        return {**keys, **state, "progressDetails": {"L": tasks[:count]}}

    put(campaign, "user_Campaign", progress(f"goes in hour {hour + 2}", f"2026-10-{hour % 28 + 1:02}", 2))
    put(campaign, "user_Campaign", progress("shrinks and grows", "2026-10-01", hour % 3 + 1))
    put(campaign, "user_Campaign", progress("moves", f"2026-10-{hour % 5 + 1:02}", 2))
    put(campaign, "user_Campaign", progress("cannot be typed", "someday" if hour % 2 else "2026-10-09", 1))
    key = {"userID": {"S": f"goes in hour {hour}"}, "campaignID": {"S": "killed"}}
    gone = campaign.client("dynamodb").delete_item(TableName="user_Campaign", Key=key, ReturnValues="ALL_OLD")
    deadline = {"M": {"taskID": {"S": "t1"}, "taskDeadline": {"S": f"2027-01-{hour % 28 + 1:02}"}}}
    info = {"campaignID": {"S": "killed"}, "title": {"S": f"hour {hour}"}, "campaignTasks": {"L": [deadline]}}
    put(campaign, "campaignInfo", info)
    campaign.advance(3600)
    wait_until_told(campaign, hour, 5 + ("Attributes" in gone))


def wait_until_told(campaign: LocalPipeline, hour: int, count: int) -> None:
    """The stream function writes what it hears into the inbox within seconds."""
    deadline = time.monotonic() + STREAM_CEILING_S
    while (told := _count_told(campaign, hour)) < count:
        assert time.monotonic() < deadline, f"the stream function told {told} of {count} changes of hour {hour}"
        time.sleep(0.2)


def _count_told(campaign: LocalPipeline, hour: int) -> int:
    bodies = [read(campaign, key) for key in list_keys(campaign, INBOX_PREFIX)]
    lines = [line for body in bodies for line in gzip.decompress(body).decode().splitlines()]
    came, gone = f'"hour {hour}"', f'"goes in hour {hour}"'
    return sum(came in line or (gone in line and "NewImage" not in line) for line in lines)


def require_sound(campaign: LocalPipeline) -> None:
    """Every row is there once, nothing was paid twice, and readers' pointers have only gone forwards over published snapshots."""
    assert campaign.shown_rows() == campaign.expected_rows() != []
    coverage = Coverage.from_json(read(campaign, COVERAGE_KEY))
    assert coverage.plan == ()
    assert list_keys(campaign, INBOX_PREFIX) == []
    keys = list_keys(campaign, "exports/")
    paid = Counter(key.partition("/AWSDynamoDB/")[0] for key in keys if key.endswith("manifest-summary.json"))
    assert set(paid.values()) == {1}
    succeeded = Counter(
        one["Arguments"]["--batch_id"] for one in job_runs(campaign) if one["JobRunState"] == "SUCCEEDED"
    )
    assert set(succeeded.values()) == {1}
    require_readers_went_forwards(campaign, campaign.pipeline.name, campaign.bucket)


def job_runs(campaign: LocalPipeline) -> list[dict[str, Any]]:
    """The newest runs of the merge job, the newest first."""
    job = campaign.deployed.outputs["MergeJob"]
    runs: list[dict[str, Any]] = campaign.client("glue").get_job_runs(JobName=job)["JobRuns"]
    return runs


def read(campaign: LocalPipeline, key: str) -> bytes:
    body: bytes = campaign.client("s3").get_object(Bucket=campaign.bucket, Key=key)["Body"].read()
    return body


def list_keys(campaign: LocalPipeline, prefix: str) -> list[str]:
    pages = campaign.client("s3").get_paginator("list_objects_v2").paginate(Bucket=campaign.bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def arm(campaign: LocalPipeline, **fault: Any) -> None:
    campaign.running.ask("POST", "/_local/faults", fault)


def strikes_left(campaign: LocalPipeline) -> int:
    left: int = campaign.running.ask("GET", "/_local/status")["faults"]
    return left
