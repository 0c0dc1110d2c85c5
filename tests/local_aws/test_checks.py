"""The declared checks run in Athena's dialect, find nothing in sound tables, and each finds what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.dynamo_lake.checks import Snapshots, render_check
from include.dynamo_lake.declaration import Pipeline, parse_declaration, read_declaration
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
MakeTables = Callable[..., list[Snapshots]]


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


SCHEMAS = {"user_campaign_tasks": TARGET, "mirror_user_campaign": MIRROR, "quarantine": QUARANTINE}


@pytest.fixture(scope="module")
def workgroup(client: Client) -> Workgroup:
    return make_workgroup(client, "checked", EnforceWorkGroupConfiguration=True)


@pytest.fixture(scope="module")
def make_tables(client: Client, workgroup: Workgroup, running: RunningLocalAws) -> MakeTables:
    """Make a pipeline's target, mirror and quarantine, with one snapshot for each set of rows."""
    catalog = open_catalog(running.environment)

    def make(pipeline: Pipeline, schemas: dict[str, pa.Schema], *sets: dict[str, list[Row]]) -> list[Snapshots]:
        database = f"{pipeline.name}_lake"
        client("glue").create_database(DatabaseInput={"Name": database})
        ids: list[list[int]] = []
        for name, schema in schemas.items():
            location = f"s3://checked/warehouse/{database}/{name}"
            table = catalog.create_table(f"{database}.{name}", schema, location=location)
            ids.append([append(table, rows[name]) for rows in sets])
        return [Snapshots(*of_set) for of_set in zip(*ids, strict=True)]

    return make


@pytest.fixture(scope="module")
def snapshots(make_tables: MakeTables) -> list[Snapshots]:
    """The pipeline's three tables with sound rows, then with rows behind them that each check is there to find."""
    return make_tables(CHECKED, SCHEMAS, SOUND, BROKEN)


def append(table: Any, rows: list[Row]) -> int:
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    return int(table.current_snapshot().snapshot_id)


@pytest.fixture
def check(workgroup: Workgroup) -> Check:
    """Run one check over one set of snapshots."""

    def run(
        name: str, snapshots: Snapshots, since_run: int = 4, *, pipeline: Pipeline = CHECKED, **since: int
    ) -> list[list[str | None]]:
        sql = render_check(name, pipeline, snapshots, days=[DAY], since_run=since_run, **since)
        return sorted(workgroup.rows(sql), key=str)

    return run


@pytest.mark.parametrize("name", CHECKED.checks.run)
def test_sound_tables_pass(check: Check, snapshots: list[Snapshots], name: str) -> None:
    assert check(name, snapshots[0]) == []


def test_a_doubled_row_key_is_named(check: Check, snapshots: list[Snapshots]) -> None:
    assert check("row_key_unique", snapshots[1]) == [["doubled", "c'1", "0", "2"]]


def test_every_null_in_a_required_column_is_named(check: Check, snapshots: list[Snapshots]) -> None:
    nulls = {
        column for found in check("key_not_null", snapshots[1]) for column, value in enumerate(found) if value is None
    }
    assert nulls == {0, 2, 3, 4}, "user_id, created_at, position and task_id"


def test_a_required_column_may_be_null_in_rows_of_items_that_did_not_change_since_it_was_declared(
    check: Check, snapshots: list[Snapshots]
) -> None:
    assert "published before" not in {found[0] for found in check("key_not_null", snapshots[1])}
    assert "published before" in {found[0] for found in check("key_not_null", snapshots[1], since_run=0)}
    found = check("key_not_null", snapshots[1], since_run=0, filled_since_run=4)
    assert "published before" not in {one[0] for one in found}, "a whole table that was not made anew"


def test_items_with_other_rows_than_their_list_says_are_named(check: Check, snapshots: list[Snapshots]) -> None:
    assert check("rows_match_list", snapshots[1]) == [
        ["deleted", "c'1", "0", "1"],
        ["refused", "c'1", "0", "1"],
        ["too few", "c'1", "2", "1"],
    ]


def test_rows_of_an_item_that_no_mirror_row_names_are_found_where_the_whole_table_is_checked(
    check: Check, snapshots: list[Snapshots]
) -> None:
    assert ["ghost", "c'1", "0", "1"] in check("rows_match_list", snapshots[1], since_run=0)


NUMBERS = Path(__file__).parents[1] / "pipelines" / "parcel_routes.toml"
TOO_LONG = "1" * 41
HELD = {"2": "2", "1E+2": "100", "120E-1": "12", "-3.0": "-3"}


def test_number_keys_that_the_key_column_cannot_hold_exactly_are_no_items_key(
    check: Check, make_tables: MakeTables
) -> None:
    numbered = parse_declaration("numbered", NUMBERS.read_bytes(), NUMBERS.name)
    target = pa.schema([
        pa.field("route_no", pa.decimal128(38, 0)),
        pa.field("stop", pa.int32()),
        pa.field("planned_for", pa.timestamp("us")),
        pa.field("depot_code", pa.string()),
        pa.field("gate", pa.string()),
    ])
    at = datetime.combine(DAY, datetime.min.time())
    sound: Row = {"stop": 0, "planned_for": at, "depot_code": "d", "gate": "g"}
    image = '{"stops":{"L":[{"M":{}}]}}'
    refused = ["1E+100", TOO_LONG, "1.5", "2.25", "15E-1", "12345678901234567890123456789012345678.5"]
    keys = {number: f'[{{"N":"{number}"}}]' for number in [*HELD, *refused]}
    rows = {
        "route_stops": [{**sound, "route_no": Decimal(held)} for held in HELD.values()],
        "mirror_routes": [{"key": key, "image": image, "run": 5} for key in keys.values()],
        "quarantine": [{"source": "routes", "key": keys[number]} for number in refused],
    }
    (snapshots,) = make_tables(
        numbered, {"route_stops": target, "mirror_routes": MIRROR, "quarantine": QUARANTINE}, rows
    )
    for name in numbered.checks.run:
        assert check(name, snapshots, pipeline=numbered) == []
        assert check(name, snapshots, 0, pipeline=numbered) == []


OWN_NAMES = ("key", "entries", "row_count", "expected_rows", "present_rows", "is_affected")


@pytest.mark.parametrize("own", OWN_NAMES)
def test_key_columns_may_have_any_name(check: Check, make_tables: MakeTables, own: str) -> None:
    names = {"user_id": own, "task_id": "image", "position": "run"}
    columns = tuple(replace(c, name=names.get(c.name, c.name)) for c in CHECKED.target.columns)
    row_key = tuple(names.get(name, name) for name in CHECKED.target.row_key)
    pipeline = replace(CHECKED, name=f"named_{own}", target=replace(CHECKED.target, columns=columns, row_key=row_key))
    target = pa.schema([field.with_name(names.get(field.name, field.name)) for field in TARGET])
    rows = [{names.get(name, name): value for name, value in row.items()} for row in SOUND["user_campaign_tasks"]]
    (snapshots,) = make_tables(
        pipeline, {**SCHEMAS, "user_campaign_tasks": target}, {**SOUND, "user_campaign_tasks": rows}
    )
    for name in pipeline.checks.run:
        assert check(name, snapshots, pipeline=pipeline) == []
