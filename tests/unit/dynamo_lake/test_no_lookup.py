"""A pipeline without a lookup: one source, one table, rows by the reference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from include.dynamo_lake.checks import Snapshots, render_check
from include.dynamo_lake.declaration import Pipeline, parse_declaration
from include.dynamo_lake.dynamodb_json import key_text
from include.dynamo_lake.reference import derived_tables
from include.dynamo_lake.versions import export_version

READINGS = Path(__file__).parents[2] / "pipelines" / "readings.toml"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def readings() -> Pipeline:
    return parse_declaration("readings", READINGS.read_bytes(), READINGS.name)


def meter(name: str, *kwh: dict[str, str], **more: Any) -> dict[str, Any]:
    values = {"L": [{"M": {"kwh": one}} for one in kwh]}
    return {"meter": {"S": name}, "installedAt": {"S": "2026-03-01T12:00:00+02:00"}, "values": values, **more}


def test_it_has_one_source_and_nothing_is_looked_up() -> None:
    pipeline = readings()
    assert (pipeline.lookup, pipeline.lookup_source, len(pipeline.sources)) == (None, None, 1)
    assert {column.origin for column in pipeline.target.columns} == {"item", "position"}


def test_what_is_left_out_of_a_declaration_has_its_default() -> None:
    pipeline = readings()
    assert (pipeline.schedule.mode, pipeline.schedule.cron, pipeline.crawl.policy) == ("hourly", "0 * * * *", "daily")
    assert pipeline.checks.run == ("row_key_unique", "key_not_null", "rows_match_list")
    assert (pipeline.retention.time_travel_days, pipeline.inbox.max_run_mib) == (7, 256)


def test_its_rows_are_the_entries_and_a_bad_value_quarantines_its_item() -> None:
    pipeline = readings()
    images = (meter("m1", {"N": "1.5"}, {"S": "2.25"}), meter("m2", {"N": "0.0001"}), meter("m3"))
    mirror = {key_text(pipeline.main.key, one): (export_version(NOW), json.dumps(one)) for one in images}
    tables = derived_tables(pipeline, {pipeline.main.id: mirror})
    (rows,) = tables.target.values()
    installed = datetime(2026, 3, 1, 10)  # noqa: DTZ001 - the target's timestamps have no zone
    assert [tuple(row.values()) for row in rows] == [
        ("m1", 0, installed, Decimal("1.500")),
        ("m1", 1, installed, Decimal("2.250")),
    ]
    ((_, key),) = tables.quarantine
    assert key == '[{"S":"m2"}]'


def test_its_checks_render_without_a_lookup() -> None:
    pipeline = readings()
    for check in pipeline.checks.run:
        assert "readings" in render_check(check, pipeline, Snapshots(1, 2, None), days=(NOW.date(),), since_run=0)
