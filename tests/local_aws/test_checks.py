"""The declared checks run in Athena's dialect, find nothing in sound tables, and each finds what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

from include.dynamo_lake.checks import Snapshots, render_check
from include.dynamo_lake.declaration import read_declaration
from include.local_aws.process import RunningLocalAws
from tests.local_aws.lake import open_catalog
from tests.local_aws.queries import Workgroup, make_workgroup

CHECKED = replace(read_declaration("campaign"), name="checked")
DAY = date(2026, 11, 24)
TARGET = pa.schema([
    pa.field("user_id", pa.string()),
    pa.field("campaign_id", pa.string()),
    pa.field("created_at", pa.timestamp("us")),
    pa.field("position", pa.int32()),
    pa.field("task_id", pa.string()),
])
MIRROR = pa.schema([pa.field("key", pa.string()), pa.field("image", pa.string()), pa.field("run", pa.int64())])
QUARANTINE = pa.schema([pa.field("source", pa.string()), pa.field("key", pa.string())])
TWO_TASKS = '{"progressDetails":{"L":[{"M":{"taskID":{"S":"t1"}}},{"M":{"taskID":{"S":"t2"}}}]}}'

ONE_TASK = '{"progressDetails":{"L":[{"M":{}}]}}'

Row = dict[str, Any]
Client = Callable[..., Any]
Check = Callable[..., list[list[str | None]]]


def row(user: str, position: int) -> Row:
    at = datetime.combine(DAY, datetime.min.time())
    return {"user_id": user, "campaign_id": "c'1", "created_at": at, "position": position, "task_id": "t"}


def mirrored(user: str, image: str | None, run: int = 5) -> Row:
    return {"key": f'[{{"S":"{user}"}},{{"S":"c\'1"}}]', "image": image, "run": run}


SOUND: dict[str, list[Row]] = {
    "user_campaign_tasks": [row("u1", 0), row("u1", 1)],
    "mirror_user_campaign": [
        mirrored("u1", TWO_TASKS),
        mirrored("without a list", "{}"),
        mirrored("with a null list", '{"progressDetails":{"NULL":true}}'),
        mirrored("deleted", None),
        mirrored("refused", TWO_TASKS),
        mirrored("published before", TWO_TASKS, run=4),
    ],
    "quarantine": [{"source": "user_campaign", "key": mirrored("refused", None)["key"]}],
}
BROKEN: dict[str, list[Row]] = {
    "user_campaign_tasks": [
        *(row("doubled", 0), row("doubled", 0)),
        *({**row(f"without {column}", 0), column: None} for column in ("user_id", "created_at", "position", "task_id")),
        row("ghost", 0),
        *(row("too few", 0), row("deleted", 0), row("refused", 0)),
        {**row("published before", 0), "task_id": None},
    ],
    "mirror_user_campaign": [mirrored("too few", TWO_TASKS), mirrored("without task_id", ONE_TASK)],
    "quarantine": [{"source": "another", "key": mirrored("too few", None)["key"]}],
}


@pytest.fixture(scope="module")
def workgroup(client: Client) -> Workgroup:
    return make_workgroup(client, "checked", EnforceWorkGroupConfiguration=True)


@pytest.fixture(scope="module")
def snapshots(client: Client, workgroup: Workgroup, running: RunningLocalAws) -> tuple[Snapshots, Snapshots]:
    """The pipeline's three tables with sound rows, then with rows behind them that each check is there to find."""
    client("glue").create_database(DatabaseInput={"Name": "checked_lake"})
    catalog = open_catalog(running.environment)
    ids: list[list[int]] = []
    for name, schema in {
        "user_campaign_tasks": TARGET,
        "mirror_user_campaign": MIRROR,
        "quarantine": QUARANTINE,
    }.items():
        table = catalog.create_table(f"checked_lake.{name}", schema, location=f"s3://checked/warehouse/{name}")
        ids.append([append(table, rows[name]) for rows in (SOUND, BROKEN)])
    sound, broken = zip(*ids, strict=True)
    return Snapshots(*sound), Snapshots(*broken)


def append(table: Any, rows: list[Row]) -> int:
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    return int(table.current_snapshot().snapshot_id)


@pytest.fixture
def check(workgroup: Workgroup) -> Check:
    """Run one check over one set of snapshots."""

    def run(name: str, snapshots: Snapshots, since_run: int = 4, **since: int) -> list[list[str | None]]:
        sql = render_check(name, CHECKED, snapshots, days=[DAY], since_run=since_run, **since)
        return sorted(workgroup.rows(sql), key=str)

    return run


@pytest.mark.parametrize("name", CHECKED.checks.run)
def test_sound_tables_pass(check: Check, snapshots: tuple[Snapshots, Snapshots], name: str) -> None:
    assert check(name, snapshots[0]) == []


def test_a_doubled_row_key_is_named(check: Check, snapshots: tuple[Snapshots, Snapshots]) -> None:
    assert check("row_key_unique", snapshots[1]) == [["doubled", "c'1", "0", "2"]]


def test_every_null_in_a_required_column_is_named(check: Check, snapshots: tuple[Snapshots, Snapshots]) -> None:
    nulls = {
        column for found in check("key_not_null", snapshots[1]) for column, value in enumerate(found) if value is None
    }
    assert nulls == {0, 2, 3, 4}, "user_id, created_at, position and task_id"


def test_a_required_column_may_be_null_in_rows_of_items_that_did_not_change_since_it_was_declared(
    check: Check, snapshots: tuple[Snapshots, Snapshots]
) -> None:
    assert "published before" not in {found[0] for found in check("key_not_null", snapshots[1])}
    assert "published before" in {found[0] for found in check("key_not_null", snapshots[1], since_run=0)}
    found = check("key_not_null", snapshots[1], since_run=0, filled_since_run=4)
    assert "published before" not in {one[0] for one in found}, "a whole table that was not made anew"


def test_items_with_other_rows_than_their_list_says_are_named(
    check: Check, snapshots: tuple[Snapshots, Snapshots]
) -> None:
    assert check("rows_match_list", snapshots[1]) == [
        ["deleted", "c'1", "0", "1"],
        ["refused", "c'1", "0", "1"],
        ["too few", "c'1", "2", "1"],
    ]


def test_rows_of_an_item_that_no_mirror_row_names_are_found_where_the_whole_table_is_checked(
    check: Check, snapshots: tuple[Snapshots, Snapshots]
) -> None:
    assert ["ghost", "c'1", "0", "1"] in check("rows_match_list", snapshots[1], since_run=0)
