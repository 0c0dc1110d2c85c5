"""Changes under the real scheduler and triggerer: a write shows by itself, a burst is a few runs, rivals take turns."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.dynamo_lake.wake_ups import build_wake_up
from include.laptop import paths
from include.laptop.stack.airflow_api import AirflowApiError
from include.laptop.stack.clock import local_now
from include.laptop.stack.traffic import present_traffic
from include.local_aws import demo
from tests.readers_pointer import require_readers_went_forwards
from tests.stack.running import (
    BOOTSTRAP,
    BUCKET,
    ENDED,
    HOURLY,
    ON_CHANGE,
    PIPELINE,
    RECONCILE,
    Stack,
    keep_clear_of_the_full_hour,
    wait_for,
)

pytestmark = pytest.mark.deep

SHOWN_CEILING_S, RIVALS_CEILING_S = 240, 600
MESSAGES, WRITES = 10_000, 60
ITEM = {
    "userID": {"S": "from another terminal"},
    "campaignID": {"S": "campaign-1"},
    "createdAt": {"S": "2026-11-01T00:00:00Z"},
    "progressDetails": {"L": [{"M": {"taskID": {"S": "t1"}}}]},
}


@pytest.fixture(scope="module", autouse=True)
def _hearing(stack: Stack) -> Iterator[None]:
    """On-change runs are on as long as these tests run."""
    stack.api.unpause(ON_CHANGE)
    yield
    stack.silence()


def document() -> str:
    return (paths.ROOT / "docs" / "on-change.md").read_text()


def merge_runs(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client("glue").get_job_runs(JobName=f"{PIPELINE}-merge")["JobRuns"]
    return found


def test_writes_from_another_terminal_show_without_any_further_action(stack: Stack) -> None:
    dynamodb = stack.client("dynamodb")
    dynamodb.put_item(TableName=demo.USERS_TABLE, Item=ITEM)
    traffic = present_traffic(dynamodb)
    for _ in range(4):
        demo.write_changes(dynamodb, traffic.build_writes(WRITES // 4, local_now(stack.aws["AWS_ENDPOINT_URL"])))
        time.sleep(2)
    expected = stack.expected_rows()
    wait_for(lambda: stack.rows() == expected, SHOWN_CEILING_S, "the writes to show")
    assert any(ITEM["userID"]["S"] in row for row in expected)  # type: ignore[index]
    runs = wait_for(lambda: stack.settled(ON_CHANGE), SHOWN_CEILING_S, "the runs to end")
    assert "asset_triggered" in {run["run_type"] for run in runs}
    latency_s = stack.announced()[0]["latency_s"]
    assert 0 <= latency_s["p50"] <= latency_s["max"] < SHOWN_CEILING_S


def test_ten_thousand_messages_are_a_handful_of_runs(stack: Stack) -> None:
    sqs, queue = stack.client("sqs"), f"{stack.aws['AWS_ENDPOINT_URL']}/000000000000/{PIPELINE}-wake-up"
    before, merged = len(stack.api.runs(ON_CHANGE)), len(merge_runs(stack))
    entries = [{"Id": str(number), "MessageBody": build_wake_up(PIPELINE, [])} for number in range(10)]
    for _ in range(MESSAGES // len(entries)):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_drained() -> bool:
        left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return set(left.values()) == {"0"}

    wait_for(is_drained, SHOWN_CEILING_S, "the queue to be empty")
    runs = wait_for(lambda: stack.settled(ON_CHANGE), SHOWN_CEILING_S, "the runs to end")
    assert 1 <= len(runs) - before <= 10
    assert {run["state"] for run in runs} == {"success"}
    assert len(merge_runs(stack)) == merged


def test_the_documented_call_starts_a_run_once(stack: Stack) -> None:
    (command,) = re.findall(r"```sh\n(curl .*?)```", document(), re.DOTALL)
    environment = {**os.environ, "AIRFLOW_URL": stack.api.url}
    answers = [
        subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert '"dag_run_id":"order-4711"' in answers[0].replace(" ", "")
    assert '"dag_run_id":"order-4711"' not in answers[1].replace(" ", "")
    assert [run["dag_run_id"] for run in stack.api.runs(ON_CHANGE)].count("order-4711") == 1
    assert stack.wait_for_run(ON_CHANGE, "order-4711") == "success"


def test_the_documented_call_through_mwaa_starts_a_run_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """MWAA hands the request to its environment's API server; here a stand-in hands it to the real one of the stack."""

    def invoke_rest_api(*, Name: str, Method: str, Path: str, Body: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        assert Name == "production"
        assert len(Path) <= 64
        assert "logical_date" in Body
        try:
            return {"RestApiStatusCode": 200, "RestApiResponse": stack.api.ask(Method, Path, Body)}
        except AirflowApiError as error:
            answer: Any = {"Error": {"Code": "RestApiClientException"}, "RestApiStatusCode": error.status}
            raise ClientError(answer, "InvokeRestApi") from error

    (code,) = re.findall(r"```python\n(.*?)```", document(), re.DOTALL)
    monkeypatch.setattr("boto3.client", lambda service: SimpleNamespace(invoke_rest_api=invoke_rest_api))
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    for _ in range(2):
        assert namespace["call_for_a_run"]("production", "order-4712") == "order-4712"
    assert stack.wait_for_run(ON_CHANGE, "order-4712") == "success"


def test_runs_of_every_kind_started_together_take_turns_and_end_right(stack: Stack) -> None:
    keep_clear_of_the_full_hour()
    merged = {run["Id"] for run in merge_runs(stack)}
    full_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = {"start": (full_hour - timedelta(hours=1)).isoformat(), "end": full_hour.isoformat()}
    last = full_hour - timedelta(hours=1)
    demo.write_changes(
        stack.client("dynamodb"),
        present_traffic(stack.client("dynamodb")).build_writes(20, local_now(stack.aws["AWS_ENDPOINT_URL"])),
    )
    started = [(HOURLY, stack.api.trigger(HOURLY, span)), (ON_CHANGE, stack.api.trigger(ON_CHANGE))]
    started += [(dag_id, stack.api.trigger(dag_id)) for dag_id in (BOOTSTRAP, RECONCILE)]
    stack.airflow(
        f"backfill create --dag-id {HOURLY} --from-date {last.isoformat()} --to-date {last.isoformat()} "
        "--reprocess-behavior completed"
    )
    wait_for(
        lambda: all(
            run["state"] in ENDED
            for dag_id in (HOURLY, ON_CHANGE, BOOTSTRAP, RECONCILE)
            for run in stack.api.runs(dag_id)
        ),
        RIVALS_CEILING_S,
        "all runs to end",
    )
    stack.assert_green(HOURLY, [run for run in stack.api.runs(HOURLY) if run["run_type"] == "backfill"])
    for dag_id, run_id in started:
        assert (stack.api.run_state(dag_id, run_id), stack.failed_tasks(dag_id, run_id)) == ("success", [])
    assert stack.rows() == stack.expected_rows()
    require_readers_went_forwards(stack, PIPELINE, BUCKET)
    runs = sorted((run for run in merge_runs(stack) if run["Id"] not in merged), key=lambda run: run["StartedOn"])
    assert {run["JobRunState"] for run in runs} == {"SUCCEEDED"}
    assert len(runs) >= 2
    assert all(one["CompletedOn"] <= following["StartedOn"] for one, following in itertools.pairwise(runs))
