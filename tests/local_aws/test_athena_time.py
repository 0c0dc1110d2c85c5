"""The present and the past of a query are the local clock's: moved forward between two commits, it tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.local_aws.clock import parse_instant
from include.local_aws.process import RunningLocalAws
from tests.local_aws.lake import ROWS, append_rows, create_tasks, open_catalog
from tests.local_aws.queries import read_rows, run_query

Client = Callable[..., Any]
Ask = Callable[[str], list[list[str | None]]]


@pytest.fixture(scope="module")
def between(client: Client, running: RunningLocalAws) -> datetime:
    """A local instant half an hour after the first commit and half an hour before the second."""
    client("s3").create_bucket(Bucket="past", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client("glue").create_database(DatabaseInput={"Name": "past"})
    client("athena").create_work_group(
        Name="past", Configuration={"ResultConfiguration": {"OutputLocation": "s3://past/athena/"}}
    )
    table = create_tasks(open_catalog(running.environment), "past.tasks", "s3://past/warehouse/tasks", ROWS[:2])
    moved = running.ask("POST", "/_local/clock", {"advance": 3600})
    append_rows(table, ROWS[2:3])
    return parse_instant(moved["now"]) - timedelta(minutes=30)


@pytest.fixture
def ask(client: Client, between: datetime) -> Ask:
    athena = client("athena")
    return lambda sql: read_rows(athena, run_query(athena, sql, workgroup="past", database="past"))[1:]


def test_a_query_knows_the_local_present(ask: Ask, running: RunningLocalAws) -> None:
    (row,) = ask(
        "select current_timestamp, cast(localtimestamp as varchar), current_date, now() > timestamp '2026-01-01'"
    )
    now = parse_instant(running.ask("GET", "/_local/status")["now"])
    shown = datetime.fromisoformat((row[0] or "").replace(" UTC", "+00:00"))
    assert timedelta(0) <= now - shown < timedelta(minutes=1)
    assert (row[1] or "")[:19] == (row[0] or "")[:19]
    assert row[2:] == [f"{now:%Y-%m-%d}", "true"]


def test_time_travel_goes_by_the_local_clock(ask: Ask, between: datetime) -> None:
    moment = f"timestamp '{between:%Y-%m-%d %H:%M:%S} UTC'"
    assert ask(f"select count(*) from tasks for timestamp as of {moment}") == [["2"]]
    assert ask("select count(*) from tasks for timestamp as of current_timestamp") == [["3"]]
    assert ask(f'select count_if(committed_at > {moment}), count(*) from "tasks$snapshots"') == [["1", "2"]]
    assert ask(f'select count_if(made_current_at > {moment}), count(*) from "tasks$history"') == [["1", "2"]]
