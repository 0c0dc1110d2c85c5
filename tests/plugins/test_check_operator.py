"""Athena checks: over what changed since the published snapshot, at the merged one; offenders are named."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from lake_airflow.checking import changed_days
from lake_airflow.errors import DeadlineError, QueryFailedError, VerificationError, WaitFailedError
from lake_airflow.iceberg import TableMetadata
from lake_airflow.operators.check import AthenaCheckOperator
from lake_airflow.pipelines import Lake, read_lake

from include.dynamo_lake.names import PUBLISHED_KEY, report_key
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import ReconcileReport, RunReport, TableState
from tests.plugins.batches import report_of
from tests.plugins.fakes import FakeClients, context_of

PUBLISHED = Published(1, "s3://x", 3, 1, "u", "b", "2026-11-24T02:00:00Z")


def metadata() -> dict[str, Any]:
    """Three commits: the first is published, the second was never verified, the third is this run's."""
    days = {1: "2026-11-01", 2: "2026-11-02,2026-11-03", 3: "2026-11-09"}
    snapshots = [
        {
            "snapshot-id": one,
            "summary": {"lake.days": named, "lake.run": str(one)},
            **({"parent-snapshot-id": one - 1} if one > 1 else {}),
        }
        for one, named in days.items()
    ]
    return {"table-uuid": "u", "current-snapshot-id": 3, "snapshots": snapshots}


@pytest.fixture
def lake(clients: FakeClients, pipeline: str) -> Lake:
    lake = read_lake(pipeline)
    clients.s3.objects["metadata.json"] = json.dumps(metadata()).encode()
    tables = {
        lake.target: TableState(3, f"s3://{lake.bucket}/metadata.json", True),
        lake.mirrors[0]: TableState(31, "s3://x", True),
        "quarantine": TableState(32, "s3://x", False),
    }
    clients.s3.objects[report_key("b1")] = report_of("b1", tables=tables)
    clients.s3.objects[PUBLISHED_KEY] = PUBLISHED.to_json().encode()
    return lake


def operator(pipeline: str, check: str = "rows_match_list") -> AthenaCheckOperator:
    return AthenaCheckOperator(task_id="check", pipeline=pipeline, check=check, batch_id="b1")


def asked(clients: FakeClients, pipeline: str, try_number: int = 1) -> dict[str, Any]:
    context = context_of()
    context["ti"].try_number = try_number
    with pytest.raises(TaskDeferred) as caught:
        operator(pipeline).execute(context)
    assert caught.value.trigger.deadline - time.time() == pytest.approx(1800, abs=30)
    return clients.athena.requests[-1]


@pytest.mark.usefixtures("lake")
def test_a_check_reads_the_runs_snapshots_over_all_that_was_not_published(clients: FakeClients, pipeline: str) -> None:
    sql = asked(clients, pipeline)["QueryString"]
    assert all(f"FOR VERSION AS OF {snapshot}" in sql for snapshot in (3, 31, 32))
    assert "run > 3" in sql
    assert "TIMESTAMP '2026-11-02 00:00:00'" in sql
    assert "2026-11-01" not in sql


def everything_is_checked(clients: FakeClients, pipeline: str) -> bool:
    sql = asked(clients, pipeline)["QueryString"]
    return "run > 0" in sql and "1970-01-01" in sql and "2200-01-01" in sql


def test_after_a_reconciliation_the_whole_table_is_checked(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    told = RunReport.from_json(clients.s3.objects[report_key("b1")])
    found = ReconcileReport("2026-11-24T02:00:00Z", False, {}, (), "runs/b1/differences/")
    clients.s3.objects[report_key("b1")] = replace(told, reconciled=found).to_json().encode()
    assert everything_is_checked(clients, pipeline)


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(("rebuilt_in", "is_whole"), [(1, False), (2, True), (3, True)])
def test_a_rebuild_is_checked_whole_until_it_is_published(
    clients: FakeClients, pipeline: str, rebuilt_in: int, is_whole: bool
) -> None:
    content = metadata()
    content["snapshots"][rebuilt_in - 1]["summary"]["lake.rebuild"] = "3"
    clients.s3.objects["metadata.json"] = json.dumps(content).encode()
    assert everything_is_checked(clients, pipeline) == is_whole


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(("foreign", "is_whole"), [(1, False), (2, True), (3, True)])
def test_what_somebody_else_committed_is_checked_whole_before_readers_see_it(
    clients: FakeClients, pipeline: str, foreign: int, is_whole: bool
) -> None:
    content = metadata()
    content["snapshots"][foreign - 1]["summary"] = {"operation": "append"}
    clients.s3.objects["metadata.json"] = json.dumps(content).encode()
    assert everything_is_checked(clients, pipeline) == is_whole


def test_a_check_runs_in_the_pipelines_workgroup(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    assert asked(clients, pipeline)["WorkGroup"] == lake.settings.workgroup


@pytest.mark.usefixtures("lake")
def test_the_token_is_the_same_within_a_try_and_another_in_the_next(clients: FakeClients, pipeline: str) -> None:
    tokens = [asked(clients, pipeline, number)["ClientRequestToken"] for number in (1, 1, 2)]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(32 <= len(token) <= 128 for token in tokens)


def test_days_reach_back_to_the_published_snapshot() -> None:
    table = TableMetadata("s3://x", metadata())
    assert changed_days(table, 3, PUBLISHED) == (date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 9))
    assert changed_days(table, 3, replace(PUBLISHED, snapshot_id=3)) == ()
    assert changed_days(table, 3, None)[0] == date(2026, 11, 1)


def test_all_days_are_checked_where_the_commits_between_are_not_known() -> None:
    content = metadata()
    content["snapshots"] = content["snapshots"][1:]
    days = changed_days(TableMetadata("s3://x", content), 3, PUBLISHED)
    assert (days[0], days[-1]) == (date(1970, 1, 1), date(2199, 12, 31))


@pytest.mark.usefixtures("lake")
def test_nothing_of_a_table_that_was_made_anew_is_published(clients: FakeClients, pipeline: str) -> None:
    clients.s3.objects[PUBLISHED_KEY] = replace(PUBLISHED, table_uuid="before").to_json().encode()
    assert "run > 0" in asked(clients, pipeline)["QueryString"]


def patient(clients: FakeClients, pipeline: str, state: str) -> int:
    """A check that waits a moment in place for a query in this state."""
    query = f"q{len(clients.athena.requests) + 1}"
    clients.athena.states[query] = {"Status": {"State": state}, "Statistics": {"DataScannedInBytes": 42}}
    clients.athena.rows = [["user", "times"]]
    return AthenaCheckOperator(
        task_id="check", pipeline=pipeline, check="rows_match_list", batch_id="b1", patience=timedelta(seconds=0.3)
    ).execute(context_of())


@pytest.mark.usefixtures("lake")
def test_a_query_that_ends_at_once_is_not_waited_for_elsewhere(clients: FakeClients, pipeline: str) -> None:
    assert patient(clients, pipeline, "SUCCEEDED") == 42
    with pytest.raises(QueryFailedError):
        patient(clients, pipeline, "FAILED")


@pytest.mark.usefixtures("lake")
def test_a_query_that_takes_longer_frees_its_worker(clients: FakeClients, pipeline: str) -> None:
    with pytest.raises(TaskDeferred):
        patient(clients, pipeline, "RUNNING")


def ended(clients: FakeClients, pipeline: str, state: str, status: str = "success", **more: Any) -> int:
    clients.athena.states["q1"] = {"Status": {"State": state, **more}, "Statistics": {"DataScannedInBytes": 42}}
    event = {"query_id": "q1", "status": status, "message": "m", "deadline": 0.0}
    return operator(pipeline).execute_complete(context_of(), event)


def test_a_check_that_finds_no_row_passes_and_returns_what_it_scanned(clients: FakeClients, pipeline: str) -> None:
    clients.athena.rows = [["user", "times"]]
    assert ended(clients, pipeline, "SUCCEEDED") == 42


def test_the_query_stands_among_the_rendered_templates_wherever_it_was_waited_for(
    clients: FakeClients, pipeline: str
) -> None:
    clients.athena.rows = [["user", "times"]]
    clients.athena.states["q1"] = {"Status": {"State": "SUCCEEDED"}}
    resumed = operator(pipeline)
    resumed.execute_complete(context_of(), {"query_id": "q1"})
    shown = {name: getattr(resumed, name) for name in resumed.template_fields}
    assert shown == {"check": "rows_match_list", "batch_id": "b1", "sql": "SELECT q1"}
    assert resumed.overwrite_rtif_after_execution


def test_a_check_that_finds_rows_fails_and_names_them(clients: FakeClients, pipeline: str) -> None:
    clients.athena.rows = [["user", "times"], ["u1", "2"], ["u2", "3"]]
    with pytest.raises(VerificationError, match=r"user=u1, times=2\n  user=u2, times=3\nReaders keep") as caught:
        ended(clients, pipeline, "SUCCEEDED")
    assert not caught.value.retryable


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_did_not_succeed_is_told_with_athenas_words(
    clients: FakeClients, pipeline: str, state: str
) -> None:
    with pytest.raises(QueryFailedError, match=f"{state}: out of luck"):
        ended(clients, pipeline, state, StateChangeReason="out of luck")


def test_at_its_ceiling_a_query_is_stopped(clients: FakeClients, pipeline: str) -> None:
    with pytest.raises(DeadlineError, match="was stopped"):
        ended(clients, pipeline, "RUNNING", status="deadline")
    assert clients.athena.stopped == ["q1"]


def test_after_a_wait_that_failed_a_query_is_stopped_and_asked_anew(clients: FakeClients, pipeline: str) -> None:
    with pytest.raises(WaitFailedError, match="asks anew") as caught:
        ended(clients, pipeline, "RUNNING", status="error")
    assert clients.athena.stopped == ["q1"]
    assert caught.value.retryable
