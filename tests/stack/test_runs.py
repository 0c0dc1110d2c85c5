"""Backfills, an outage, failed and cleared runs under the real scheduler: whatever is run again leaves the rows right.

The scheduler lives in the machine's present. The tests after the backfill let local AWS run ahead of it: what a scheduled run
would take is covered by then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.laptop import paths
from tests.stack.running import BUCKET, ENDED, HOURLY, Stack, keep_clear_of_the_full_hour, wait_for

pytestmark = pytest.mark.deep

BACKFILL_CEILING_S, HOUR_S = 1200, 3600
START_FAILS = {"target": "AWSGlue.StartJobRun", "code": "InternalServiceException", "status": 500, "times": 100}


def test_a_backfill_over_three_finished_hours_is_green_and_leaves_the_rows_identical(stack: Stack) -> None:
    keep_clear_of_the_full_hour()
    before = stack.rows()
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    first = last - timedelta(hours=2)
    stack.airflow(
        f"backfill create --dag-id {HOURLY} --from-date {first.isoformat()} --to-date {last.isoformat()} "
        "--reprocess-behavior completed --max-active-runs 3"
    )
    hours = {instant.strftime("%Y-%m-%dT%H:%M:%SZ") for instant in (first, first + timedelta(hours=1), last)}

    def reprocessed() -> list[dict[str, Any]]:
        runs = [run for run in stack.api.runs(HOURLY) if run["logical_date"] in hours]
        done = len(runs) == 3 and all(run["state"] in ENDED for run in runs)
        return runs if done and all(run["run_type"] == "backfill" for run in runs) else []

    stack.assert_green(HOURLY, wait_for(reprocessed, BACKFILL_CEILING_S, "three backfill runs to end"))
    assert stack.rows() == before


def test_an_outage_of_30_hours_is_caught_up_by_one_run_that_exports_adjoining_windows_side_by_side(
    stack: Stack,
) -> None:
    write_a_new_item(stack, "before")
    stack.ask_local_aws("clock", {"advance": 20 * HOUR_S})
    write_a_new_item(stack, "between")
    stack.ask_local_aws("clock", {"advance": 10 * HOUR_S})
    run_id, state = stack.run(HOURLY)
    assert (state, stack.failed_tasks(HOURLY, run_id)) == ("success", [])
    assert stack.rows() == stack.expected_rows()
    (first, second) = stack.announced()[0]["windows"]
    assert first.rpartition(", ")[2].rstrip(")") == second.partition(", ")[0].lstrip("[")
    exports = [task for task in stack.api.tasks(HOURLY, run_id) if task["task_id"] == "capture.export"]
    assert len(exports) == 4
    users = [task for task in exports if task["rendered_map_index"].startswith("user_campaign")]
    assert max(task["start_date"] for task in users) < min(task["end_date"] for task in users)


def test_a_failed_hour_is_taken_by_the_next_run_and_clearing_it_is_green_and_harmless(stack: Stack) -> None:
    write_a_new_item(stack, "failed")
    stack.ask_local_aws("clock", {"advance": HOUR_S})
    stack.ask_local_aws("faults", START_FAILS)
    failed, state = stack.run(HOURLY)
    assert (state, stack.failed_tasks(HOURLY, failed).count("merge.glue_job")) == ("failed", 1)
    assert stack.rows() != stack.expected_rows()
    stack.ask_local_aws("faults", {})
    following, state = stack.run(HOURLY)
    assert (state, stack.failed_tasks(HOURLY, following)) == ("success", [])
    rows = stack.rows()
    assert rows == stack.expected_rows()
    stack.api.clear(HOURLY, failed)
    assert stack.wait_for_run(HOURLY, failed) == "success", stack.failed_tasks(HOURLY, failed)
    assert stack.rows() == rows


def test_an_airflow_with_an_empty_database_goes_on_where_the_lake_stands(stack: Stack) -> None:
    before = stack.announced()[0]["complete_through"]
    write_a_new_item(stack, "anew")
    stack.ask_local_aws("clock", {"advance": HOUR_S})
    command = [sys.executable, "-m", "include.laptop.dag", HOURLY]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.rows() == stack.expected_rows()
    log = stack.client("s3").get_object(Bucket=BUCKET, Key="state/coverage.json")["Body"].read()
    newest = json.loads(log)["log"][-1]
    assert newest["start"] == before


def write_a_new_item(stack: Stack, user: str) -> None:
    entries = {"L": [{"M": {"taskID": {"S": "t1"}}}]}
    keys = {"userID": {"S": user}, "campaignID": {"S": "campaign-1"}}
    item = {**keys, "createdAt": {"S": datetime.now(UTC).isoformat()}, "progressDetails": entries}
    stack.client("dynamodb").put_item(TableName="user_Campaign", Item=item)
