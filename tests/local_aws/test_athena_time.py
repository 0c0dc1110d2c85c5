"""The present and the past of a query are the local clock's: moved forward between two commits, it tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.local_aws.clock import parse_instant
from include.local_aws.process import RunningLocalAws
from tests.local_aws.lake import ROWS, append_rows, create_tasks, open_catalog
from tests.local_aws.queries import Workgroup, make_workgroup

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def past(client: Client) -> Workgroup:
    return make_workgroup(client, "past", database="past")


@pytest.fixture(scope="module")
def between(client: Client, past: Workgroup, running: RunningLocalAws) -> datetime:
    """A local instant half an hour after the first commit and half an hour before the second."""
    client("glue").create_database(DatabaseInput={"Name": "past"})
    table = create_tasks(open_catalog(running.environment), "past.tasks", "s3://past/warehouse/tasks", ROWS[:2])
    moved = running.ask("POST", "/_local/clock", {"advance": 3600})
    append_rows(table, ROWS[2:3])
    return parse_instant(moved["now"]) - timedelta(minutes=30)


@pytest.mark.usefixtures("between")
def test_a_query_knows_the_local_present(past: Workgroup, running: RunningLocalAws) -> None:
    (row,) = past.rows(
        "select current_timestamp, cast(localtimestamp as varchar), current_date, now() > timestamp '2026-01-01'"
    )
    now = parse_instant(running.ask("GET", "/_local/status")["now"])
    shown = datetime.fromisoformat((row[0] or "").replace(" UTC", "+00:00"))
    assert timedelta(0) <= now - shown < timedelta(minutes=1)
    assert (row[1] or "")[:19] == (row[0] or "")[:19]
    assert row[2:] == [f"{now:%Y-%m-%d}", "true"]


def test_time_travel_goes_by_the_local_clock(past: Workgroup, between: datetime) -> None:
    moment = f"timestamp '{between:%Y-%m-%d %H:%M:%S} UTC'"
    assert past.rows(f"select count(*) from tasks for timestamp as of {moment}") == [["2"]]
    assert past.rows("select count(*) from tasks for timestamp as of current_timestamp") == [["3"]]
    assert past.rows(f'select count_if(committed_at > {moment}), count(*) from "tasks$snapshots"') == [["1", "2"]]
    assert past.rows(f'select count_if(made_current_at > {moment}), count(*) from "tasks$history"') == [["1", "2"]]
