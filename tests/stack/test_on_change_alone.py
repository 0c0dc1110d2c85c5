"""A pipeline in mode `on_change` alone beside the other: no hourly run, an inbox larger than a run takes, a look by the clock."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

import pytest

from include.dynamo_lake.names import INBOX_PREFIX, REJECTED_PREFIX, PipelineNames
from tests.stack.running import Stack, wait_for

pytestmark = pytest.mark.deep

NAMES = PipelineNames("live_readings")
PIPELINE, DAG = NAMES.pipeline, NAMES.dag_id("on_change")
BUCKET = NAMES.bucket("000000000000", "eu-central-1")
TABLE = "Live-Meters"
# An invocation of the stream function carries six MiB at most, so these are three change files; each is more than a run takes.
ITEMS, NOTE_BYTES = 36, 290_000
SHOWN_CEILING_S, SWEPT_CEILING_S = 600, 300


@pytest.fixture(scope="module")
def live(stack: Stack) -> Iterator[Stack]:
    """The pipeline's runs end with these tests."""
    yield stack
    stack.api.pause(DAG)


def reading(number: int) -> dict[str, Any]:
    note = base64.b64encode(random.Random(number).randbytes(NOTE_BYTES)).decode()
    values = [{"M": {"kwh": {"N": f"{number}.{place}"}}} for place in range(2)]
    keys = {"meter": {"S": f"m{number}"}, "installedAt": {"S": "2026-11-01T00:00:00Z"}}
    return {**keys, "values": {"L": values}, "note": {"S": note}}


def called_the_next(stack: Stack, run: dict[str, Any]) -> bool:
    """Whether a run left some of the inbox and called for another run by its own event."""
    path = f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/publish.run_again"
    return bool(stack.api.ask("GET", path)["state"] == "success")


def test_there_is_no_hourly_run_and_the_bootstrap_covers_the_table(live: Stack) -> None:
    assert {dag_id for dag_id in live.api.dag_ids() if dag_id.startswith(PIPELINE)} == {
        NAMES.dag_id(kind) for kind in ("bootstrap", "on_change", "reconcile")
    }
    live.assert_green(NAMES.dag_id("bootstrap"), live.ended(NAMES.dag_id("bootstrap"), "manual"))


def test_a_burst_of_more_than_a_run_takes_arrives_whole_in_runs_that_follow_at_once(live: Stack) -> None:
    dynamodb, before = live.client("dynamodb"), len(live.announced(PIPELINE))
    for number in range(ITEMS):
        dynamodb.put_item(TableName=TABLE, Item=reading(number))
    expected = live.expected_rows(PIPELINE)
    assert len(expected) == 2 * ITEMS
    wait_for(lambda: live.rows(PIPELINE) == expected, SHOWN_CEILING_S, "the burst to show")
    runs = wait_for(lambda: live.settled(DAG), SHOWN_CEILING_S, "the runs to end")
    live.assert_green(DAG, runs)
    told = live.announced(PIPELINE)[: -before or None]
    assert len(told) > 1
    assert all(one["rows"]["inserted"] for one in told)
    # Which event started which run is Airflow's to say: calls that wait for one run to end start one together.
    assert any(called_the_next(live, run) for run in runs)


def test_what_nobody_called_for_is_taken_by_the_clock_and_a_stream_that_is_off_is_told(live: Stack) -> None:
    live.client("dynamodb").update_table(TableName=TABLE, StreamSpecification={"StreamEnabled": False})
    s3, key = live.client("s3"), f"{INBOX_PREFIX}readme.txt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"hello")

    def swept() -> list[dict[str, Any]]:
        return [one for one in live.announced(PIPELINE) if one["rejected_files"]]

    (event,) = wait_for(swept, SWEPT_CEILING_S, "the inbox to be looked at")
    (warning,) = event["contract_warnings"]
    assert (
        f"the stream of table {TABLE} is off, so changes come with {NAMES.dag_id('reconcile')} (repair) alone"
        in warning
    )
    rejected = s3.list_objects_v2(Bucket=BUCKET, Prefix=REJECTED_PREFIX)["Contents"]
    assert [one["Key"] for one in rejected] == [
        f"{REJECTED_PREFIX}_unknown/readme.txt{suffix}" for suffix in ("", ".reason.json")
    ]
    runs = wait_for(lambda: live.settled(DAG), SWEPT_CEILING_S, "the run to end")
    live.assert_green(DAG, [run for run in runs if run["run_type"] == "scheduled"])
