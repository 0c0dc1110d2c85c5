"""An on-change run's first step: what it takes off the queue, when it goes on, what it tells."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from lake_airflow import pipelines
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.contract import check_contract
from lake_airflow.steps.hear import hear

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.wake_ups import build_wake_up
from include.dynamo_lake.windows import parse_instant
from tests.plugins.batches import put_changes, put_published, put_table
from tests.plugins.fakes import FakeClients, context_of

COVERED = "2026-11-24T01:00:00Z"


@pytest.fixture(autouse=True)
def lake(clients: FakeClients, pipeline: str) -> Lake:
    lake = read_lake(pipeline)
    for source in lake.sources:
        clients.dynamodb.keys[lake.table_name(source.id)] = [(key.name, key.type) for key in source.key]
        clients.dynamodb.streams[lake.table_name(source.id)] = {
            "LatestStreamArn": lake.stream_arn(source.id),
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        }
    return lake


@pytest.fixture
def covered(clients: FakeClients) -> None:
    instant = parse_instant(COVERED)
    clients.s3.objects[COVERAGE_KEY] = Coverage(instant, instant).to_json().encode()


def heard(pipeline: str, events: Any = ()) -> tuple[bool, Any]:
    """Whether the run goes on, and what it told."""
    context = {**context_of(), "dag": SimpleNamespace(fileloc=__file__), "triggering_asset_events": {"a": list(events)}}
    return hear(pipeline, **context), context["ti"].xcoms.get(("me", "plan"))


def watched(*bodies: str) -> SimpleNamespace:
    """The event of a watcher that took messages off the queue."""
    batch = [{"MessageId": f"w{number}", "Body": body} for number, body in enumerate(bodies)]
    return SimpleNamespace(extra={"from_trigger": True, "payload": {"status": "success", "message_batch": batch}})


def test_a_run_takes_every_call_off_the_queue(clients: FakeClients, lake: Lake, pipeline: str, covered: None) -> None:
    clients.sqs.messages = {f"m{number}": build_wake_up(pipeline, ["inbox/x"]) for number in range(35)}
    put_changes(clients, lake, "a")
    goes_on, plan = heard(pipeline, [watched(build_wake_up(pipeline, []))])
    assert goes_on
    assert clients.sqs.messages == {}
    assert (plan["covered_through"], plan["items"], plan["replayed"], plan["notes"]) == (COVERED, [], [], [])


def test_an_empty_inbox_ends_the_run_and_the_queue_is_empty_too(
    clients: FakeClients, pipeline: str, covered: None
) -> None:
    clients.sqs.messages = {"m": build_wake_up(pipeline, ["inbox/gone"])}
    assert heard(pipeline) == (False, None)
    assert clients.sqs.messages == {}


def test_before_the_first_bootstrap_a_run_does_nothing_and_the_inbox_waits(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_changes(clients, lake, "a")
    before = dict(clients.s3.objects)
    assert heard(pipeline) == (False, None)
    assert clients.s3.objects == before


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("hello", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('["x"]', "no member 'pipeline'"),
        ('{"Records": []}', "no member 'pipeline'"),
        ('{"pipeline": "another", "keys": []}', "for pipeline 'another'"),
    ],
)
@pytest.mark.parametrize("by_watcher", [False, True])
def test_a_foreign_message_is_put_aside_with_its_reason_and_the_run_goes_on(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, body: str, reason: str, by_watcher: bool
) -> None:
    put_changes(clients, lake, "a")
    clients.sqs.messages = {"good": build_wake_up(pipeline, []), **({} if by_watcher else {"w0": body})}
    goes_on, plan = heard(pipeline, [watched(body)] if by_watcher else [])
    kept = json.loads(clients.s3.objects["rejected/_messages/w0.reason.json"])
    assert goes_on
    assert reason in kept["reason"]
    assert kept["message"] == body
    assert [reason in note for note in plan["notes"]] == [True]
    assert clients.sqs.messages == {}


def test_a_foreign_message_is_told_where_nothing_else_came_too(
    clients: FakeClients, pipeline: str, covered: None
) -> None:
    clients.sqs.messages = {"w0": "hello"}
    goes_on, plan = heard(pipeline)
    assert goes_on
    assert len(plan["notes"]) == 1


def test_a_foreign_message_is_told_by_the_retry_of_a_run_that_broke(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_changes(clients, lake, "a")
    clients.sqs.messages = {"good": build_wake_up(pipeline, []), "w0": "hello"}
    with monkeypatch.context() as broken:
        broken.setattr("lake_airflow.steps.hear.stream_warnings", lambda lake: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            heard(pipeline)
    assert list(clients.sqs.messages) == ["w0"]
    clients.sqs.received.clear()  # its visibility timeout has passed
    assert len(heard(pipeline)[1]["notes"]) == 1
    assert clients.sqs.messages == {}


def declare(lake: Lake, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = replace(lake.pipeline.schedule, mode=mode)
    monkeypatch.setattr(pipelines, "read_declaration", lambda name: replace(lake.pipeline, schedule=schedule))


def another_stream(clients: FakeClients, lake: Lake, arn: str = "another") -> None:
    """The main source's stream was off and on: the function hears the one before."""
    clients.dynamodb.streams[lake.table_name(lake.pipeline.main.id)]["LatestStreamArn"] = arn


@pytest.mark.parametrize("mode", ["both", "on_change"])
def test_a_stream_that_is_not_heard_is_told_by_a_run_that_finds_nothing_else(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(lake, mode, monkeypatch)
    another_stream(clients, lake)
    goes_on, plan = heard(pipeline)
    assert goes_on
    (warning,) = plan["contract_warnings"]
    assert "has the stream another, the function hears" in warning
    assert ("comes with the windows" in warning) == (mode == "both")
    assert (f"comes with {pipeline}_reconcile" in warning) == (mode == "on_change")


def test_a_stream_that_is_not_heard_is_told_once_and_again_only_after_it_was_heard(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, caplog: pytest.LogCaptureFixture
) -> None:
    def warned() -> tuple[bool, int]:
        caplog.clear()
        goes_on, _ = heard(pipeline)
        return goes_on, len([record for record in caplog.records if record.levelname == "WARNING"])

    another_stream(clients, lake)
    with caplog.at_level("WARNING"):
        assert [warned(), warned()] == [(True, 1), (False, 0)]
        put_changes(clients, lake, "a")
        assert warned() == (True, 0)
        assert len(heard(pipeline)[1]["contract_warnings"]) == 1, "what holds is in the event of every run that has one"
        clients.s3.objects.pop(f"inbox/{lake.pipeline.main.id}/a.json.gz")
        another_stream(clients, lake, lake.stream_arn(lake.pipeline.main.id))
        assert warned() == (False, 0)
        another_stream(clients, lake)
        assert warned() == (True, 1)


def test_the_contract_check_and_on_change_runs_warn_of_a_stream_once_between_them(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, caplog: pytest.LogCaptureFixture
) -> None:
    another_stream(clients, lake)
    check_contract(pipeline)
    assert heard(pipeline) == (False, None)
    with caplog.at_level("WARNING"):
        caplog.clear()
        assert len(check_contract(pipeline)) > 1, "sources were not crawled: told before too"
    assert caplog.records == []


def test_a_warning_is_told_by_the_retry_of_a_run_that_broke(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_stream(clients, lake)
    with monkeypatch.context() as broken:
        broken.setattr("lake_airflow.steps.hear.forget", lambda lake, foreign: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            heard(pipeline)
    assert len(heard(pipeline)[1]["contract_warnings"]) == 1


@pytest.mark.parametrize(("mode", "goes_on"), [("both", False), ("on_change", True)])
def test_maintenance_that_is_due_in_an_idle_lake_is_the_on_change_runs_work_where_there_is_no_other(
    clients: FakeClients,
    lake: Lake,
    pipeline: str,
    covered: None,
    mode: str,
    goes_on: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declare(lake, mode, monkeypatch)
    last = Maintenance(parse_instant(COVERED), 4, due_at=parse_instant("2026-11-24T02:00:00Z"))
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"}, properties=last.to_properties())
    put_published(clients)
    assert heard(pipeline)[0] == goes_on


def test_events_that_no_watcher_sent_are_calls_too(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None
) -> None:
    put_changes(clients, lake, "a")
    assert heard(pipeline, [SimpleNamespace(extra={}), SimpleNamespace(extra=None)])[0]
