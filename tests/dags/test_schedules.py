"""What starts each DAG: the clock, a range by hand, a wake-up call."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from airflow.sdk import CronDataIntervalTimetable, CronTriggerTimetable
from airflow.serialization.serialized_objects import DagSerialization
from lake_airflow import pipelines
from lake_airflow.pipelines import read_lake

from include.dynamo_lake.declaration import pipeline_names, read_declaration
from tests.dags.bag import bootstrap, hourly, on_change, parse_bag, reconcile


def test_the_hourly_dag_has_data_intervals_and_the_bootstrap_no_schedule() -> None:
    assert isinstance(hourly().timetable, CronDataIntervalTimetable)
    assert bootstrap().schedule is None


def test_a_range_is_typed_and_optional() -> None:
    params = hourly().params
    assert params.dump() == {"start": None, "end": None}
    for name in ("start", "end"):
        schema = params.get_param(name).schema
        assert (schema["type"], schema["format"]) == (["null", "string"], "date-time")
        assert schema["title"]
        params.get_param(name).resolve("2026-11-24T02:00:00Z")
    assert bootstrap().params.dump() == {}


def test_a_reconciliation_is_weekly_as_declared_and_compares_unless_asked_for_more() -> None:
    assert isinstance(reconcile().timetable, CronTriggerTimetable)
    assert reconcile().params.dump() == {"repair": False, "rebuild": False}
    schemas = [reconcile().params.get_param(name).schema for name in ("repair", "rebuild")]
    assert all(schema["type"] == "boolean" and schema["title"] for schema in schemas)


@pytest.mark.parametrize(
    ("switched_on", "first"),
    [
        ("2026-11-27T16:23:00Z", "2026-11-29T04:30:00Z"),
        ("2026-11-29T04:31:00Z", "2026-11-29T04:30:00Z"),
    ],
)
def test_a_reconciliation_that_is_switched_on_waits_for_its_time(
    monkeypatch: pytest.MonkeyPatch, switched_on: str, first: str
) -> None:
    """A full export of every table is not what somebody expects who switches a DAG on."""
    stored = DagSerialization.from_dict(DagSerialization.to_dict(reconcile()))
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: datetime.fromisoformat(switched_on))
    assert stored.next_dagrun_info(last_automated_run_info=None).run_after == datetime.fromisoformat(first)


def test_a_watcher_on_the_queue_of_wake_up_calls_starts_on_change_runs() -> None:
    (asset,) = on_change().timetable.asset_condition.objects
    (watcher,) = asset.watchers
    kind, arguments = watcher.trigger.serialize()
    assert kind == "lake_airflow.triggers.wake_up.WakeUpTrigger"
    settings = read_lake(pipeline_names()[0]).settings
    assert (arguments["sqs_queue"], arguments["aws_conn_id"]) == (settings.wake_up_queue_url, settings.aws_conn_id)
    assert on_change().get_task("publish.run_again").outlets == [asset]


def test_without_an_hourly_dag_the_inbox_is_looked_into_by_the_clock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = read_declaration(pipeline_names()[0])
    alone = replace(declared, schedule=replace(declared.schedule, mode="on_change"))
    monkeypatch.setattr(pipelines, "read_declaration", lambda name: alone)
    bag = parse_bag()
    assert bag.import_errors == {}
    assert hourly().dag_id not in bag.dags
    stored = DagSerialization.to_dict(bag.dags[on_change().dag_id])["dag"]["timetable"]
    assert stored["__type"].endswith("AssetOrTimeSchedule")
    assert declared.schedule.cron in json.dumps(stored)
