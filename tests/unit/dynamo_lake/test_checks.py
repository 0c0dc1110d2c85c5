"""Checks as SQL text: quoted, escaped, and pruned by days. That they run and find is tested on local Athena."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from include.dynamo_lake.checks import (
    MAX_DAY_RANGES,
    Snapshots,
    check_names,
    day_ranges,
    identifier,
    literal,
    render_check,
)
from include.dynamo_lake.declaration import KeyAttribute, parse_declaration, read_declaration
from include.dynamo_lake.errors import DeclarationError
from tests.unit.dynamo_lake.test_declaration import TIMED

CAMPAIGN = read_declaration("campaign")
SNAPSHOTS = Snapshots(1, 2, 3)
DAYS = [date(2026, 1, 2), date(2026, 1, 1), date(2026, 1, 4)]


def test_every_check_that_a_declaration_may_name_has_its_sql() -> None:
    assert set(check_names()) == set(CAMPAIGN.checks.run)


@pytest.mark.parametrize("name", check_names())
def test_a_check_reads_the_candidate_snapshot_on_the_changed_days_only(name: str) -> None:
    sql = render_check(name, CAMPAIGN, SNAPSHOTS, days=DAYS, since_run=4)
    assert "$" not in sql.replace("'$", "")
    assert '"campaign_lake"."user_campaign_tasks" FOR VERSION AS OF 1' in sql
    assert (
        "\"created_at\" >= TIMESTAMP '2026-01-01 00:00:00' AND \"created_at\" < TIMESTAMP '2026-01-03 00:00:00'" in sql
    )
    assert (
        "\"created_at\" >= TIMESTAMP '2026-01-04 00:00:00' AND \"created_at\" < TIMESTAMP '2026-01-05 00:00:00'" in sql
    )


def test_a_table_without_a_snapshot_is_read_as_it_is() -> None:
    sql = render_check("rows_match_list", CAMPAIGN, replace(SNAPSHOTS, quarantine=None), days=[], since_run=0)
    assert '"campaign_lake"."quarantine"\n' in sql
    assert "(1 = 0)" in sql


def test_names_and_texts_cannot_break_out_of_their_quotes() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    odd = replace(CAMPAIGN, target=replace(CAMPAIGN.target, list="it's-a-list"))
    assert "'$[\"it''s-a-list\"].L'" in render_check("rows_match_list", odd, SNAPSHOTS, days=DAYS, since_run=0)


def test_a_number_key_is_compared_as_its_columns_decimal() -> None:
    key = (KeyAttribute("userID", "N"), KeyAttribute("campaignID", "S"))
    columns = tuple(replace(c, type="decimal(38,0)") if c.name == "user_id" else c for c in CAMPAIGN.target.columns)
    sources = (replace(CAMPAIGN.main, key=key), CAMPAIGN.sources[1])
    numbered = replace(CAMPAIGN, sources=sources, target=replace(CAMPAIGN.target, columns=columns))
    sql = render_check("rows_match_list", numbered, SNAPSHOTS, days=DAYS, since_run=0)
    assert "TRY_CAST(json_extract_scalar(key, '$[0].N') AS DECIMAL(38,0)) END AS \"user_id\"" in sql


def test_a_key_attribute_that_is_the_partitions_time_too_is_compared_by_the_row_keys_column() -> None:
    text = TIMED.replace('row_key = ["meter", "reading"]', 'row_key = ["meter", "installed", "reading"]')
    readings = parse_declaration("readings", text.encode(), "readings.toml")
    sql = render_check("rows_match_list", readings, SNAPSHOTS, days=DAYS, since_run=0)
    assert "json_extract_scalar(key, '$[1].S') AS \"installed\"" in sql


def test_an_unknown_check_names_the_known_ones() -> None:
    with pytest.raises(DeclarationError, match="row_key_unique"):
        render_check("rows_are_nice", CAMPAIGN, SNAPSHOTS, days=DAYS, since_run=0)


def test_scattered_days_are_widened_to_what_athena_takes() -> None:
    scattered = [date(2020, 1, 1) + timedelta(days=2 * n + (10 if n > 500 else 0)) for n in range(1000)]
    ranges = day_ranges(scattered)
    assert len(ranges) <= MAX_DAY_RANGES
    assert all(any(first <= day <= last for first, last in ranges) for day in scattered)
    assert day_ranges(scattered[:3]) == [(day, day) for day in scattered[:3]]
