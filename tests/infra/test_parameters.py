"""Parameters come from the declaration; settings come from the outputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.deploy.parameters import build_parameters, freshness_hours, table_keys
from include.deploy.principals import Principals
from include.deploy.settings import KEY_BY_OUTPUT, MissingOutputError, build_mwaa_options, build_settings
from include.deploy.storage import Storage
from include.deploy.tables import TableKey
from include.dynamo_lake.declaration import Pipeline, Retention, pipeline_names, read_declaration
from include.dynamo_lake.erasure import least_erase_days
from tests.infra.template import ACCOUNT, Rendered, read_template

PRINCIPALS = Principals(f"arn:aws:iam::{ACCOUNT}:role/mwaa", f"arn:aws:iam::{ACCOUNT}:root")


@pytest.fixture(params=pipeline_names())
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    return read_declaration(request.param)


def _build(
    pipeline: Pipeline, streams: dict[str, str] | None = None, keys: dict[str, str] | None = None
) -> dict[str, str]:
    return build_parameters(pipeline, PRINCIPALS, "a" * 64, True, streams or {}, Storage("a-bucket"), keys or {})


def _streams(pipeline: Pipeline) -> dict[str, str]:
    place = "arn:aws:dynamodb:eu-central-1:111122223333:table"
    return {one.table: f"{place}/{one.table}/stream/2026-11-24T02:00:00.000" for one in table_keys(pipeline)}


def test_a_declaration_gives_every_parameter_that_has_no_default(pipeline: Pipeline) -> None:
    declared = read_template()["Parameters"]
    given = _build(pipeline)
    assert given.keys() - declared.keys() == set()
    assert {name for name, body in declared.items() if "Default" not in body} - given.keys() == set()


def test_tables_and_keys_are_the_declared_ones(pipeline: Pipeline) -> None:
    rendered = Rendered(_build(pipeline))
    tables = [
        TableKey(
            table["TableName"],
            tuple((a["AttributeName"], a["AttributeType"]) for a in table["AttributeDefinitions"]),
        )
        for table in rendered.of_type("AWS::DynamoDB::Table").values()
    ]
    assert tuple(tables) == table_keys(pipeline)


def test_a_key_that_both_tables_share_is_named_once(pipeline: Pipeline) -> None:
    main, lookup = (one.table for one in table_keys(pipeline))
    shared = _build(pipeline, keys={main: "arn:one", lookup: "arn:one"})
    assert {name: value for name, value in shared.items() if "KeyArn" in name} == {"MainTableKeyArn": "arn:one"}
    alone = _build(pipeline, keys={lookup: "arn:one"})
    assert {name: value for name, value in alone.items() if "KeyArn" in name} == {"LookupTableKeyArn": "arn:one"}


def test_a_declaration_without_lookup_gives_no_parameter_of_one(pipeline: Pipeline) -> None:
    alone = replace(pipeline, sources=(pipeline.main,), lookup=None)
    assert [name for name in _build(alone) if name.startswith("Lookup")] == []


def test_every_source_is_captured_from_its_own_stream(pipeline: Pipeline) -> None:
    streams = _streams(pipeline)
    mappings = Rendered(_build(pipeline, streams)).of_type("AWS::Lambda::EventSourceMapping")
    assert {mapping["EventSourceArn"] for mapping in mappings.values()} == set(streams.values())


def test_without_the_main_stream_nothing_is_captured(pipeline: Pipeline) -> None:
    streams = _streams(pipeline)
    streams.pop(pipeline.main.table)
    assert _build(pipeline, streams) == _build(pipeline)


def test_capture_goes_on_while_a_lookups_table_is_not_made_yet(pipeline: Pipeline) -> None:
    streams = _streams(pipeline)
    streams.pop(pipeline.lookup_source.table)
    resources = Rendered(_build(pipeline, streams)).resources
    assert {"CaptureFunction", "CaptureRole", "MainMapping"} <= resources.keys()
    assert "LookupMapping" not in resources


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("0 * * * *", 3),
        ("*/15 * * * *", 3),
        ("0 */6 * * *", 8),
        ("30 2 * * *", 26),
        ("0 8-18 * * *", 16),
        ("0 6 * * 1-5", 74),
        ("0 6 * * 1", 0),
        ("0 0 1 * *", 0),
        ("0 0 30 2 *", 0),
    ],
)
def test_the_freshness_alarm_waits_for_the_schedules_longest_gap(pipeline: Pipeline, cron: str, hours: int) -> None:
    schedule = replace(pipeline.schedule, mode="hourly", cron=cron)
    assert freshness_hours(replace(pipeline, schedule=schedule)) == hours


def test_runs_that_only_changes_start_have_no_freshness_alarm(pipeline: Pipeline) -> None:
    assert freshness_hours(replace(pipeline, schedule=replace(pipeline.schedule, mode="on_change"))) == 0


def test_underscores_become_dashes_where_aws_wants_them(pipeline: Pipeline) -> None:
    given = _build(replace(pipeline, name="two_words"))
    assert (given["Pipeline"], given["Slug"]) == ("two_words", "two-words")


def test_the_last_copy_in_the_bucket_is_gone_within_the_declared_days(pipeline: Pipeline) -> None:
    rules = Rendered(_build(pipeline)).resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    noncurrent = next(int(r["NoncurrentVersionExpiration"]["NoncurrentDays"]) for r in rules if "Prefix" not in r)
    kept = {rule["Prefix"]: int(rule["ExpirationInDays"]) for rule in rules if "Prefix" in rule}
    assert kept.keys() == {"exports/", "applied/", "rejected/", "batches/", "runs/", "athena/"}
    until_merged, midnights = 1, 2
    assert until_merged + max(kept.values()) + noncurrent + midnights <= pipeline.retention.erase_within_days


@pytest.mark.parametrize("time_travel_days", [1, 7, 38, 39, 365])
@pytest.mark.parametrize("more", [0, 1, 6, 400])
def test_every_erasure_that_can_be_declared_makes_valid_parameters(
    pipeline: Pipeline, time_travel_days: int, more: int
) -> None:
    erase_within_days = least_erase_days(time_travel_days) + more
    given = _build(replace(pipeline, retention=Retention(time_travel_days, erase_within_days)))
    for name in ("ExportRetentionDays", "NoncurrentDays"):
        bounds = read_template()["Parameters"][name]
        assert bounds["MinValue"] <= int(given[name]) <= bounds.get("MaxValue", erase_within_days)


def test_every_output_becomes_one_setting_of_its_pipeline() -> None:
    outputs = {output: f"value of {output}" for output in KEY_BY_OUTPUT}
    settings = build_settings("two_words", outputs)
    assert settings["AIRFLOW__LAKE_TWO_WORDS__MERGE_JOB"] == "value of MergeJob"
    assert len(settings) == len(KEY_BY_OUTPUT)
    assert build_mwaa_options("two_words", outputs)["lake_two_words.merge_job"] == "value of MergeJob"


def test_a_lookup_that_is_not_there_is_an_empty_setting() -> None:
    outputs = {output: "x" for output in KEY_BY_OUTPUT if not output.startswith("Lookup")}
    assert build_settings("demo", outputs)["AIRFLOW__LAKE_DEMO__LOOKUP_CRAWLER"] == ""


def test_a_stack_of_another_version_is_named_with_what_it_lacks() -> None:
    outputs = {output: "x" for output in KEY_BY_OUTPUT if output != "Workgroup"}
    with pytest.raises(MissingOutputError, match="no output Workgroup"):
        build_settings("demo", outputs)
