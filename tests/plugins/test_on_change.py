"""An on-change run's first step and the inbox: what is taken, what is left, what is put aside."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from lake_airflow import inbox, pipelines
from lake_airflow.inbox import MAX_FOREIGN, read_inbox
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.batch import build_batch, read_manifest
from lake_airflow.steps.finish import finish, run_again
from lake_airflow.steps.hear import hear
from lake_airflow.xcoms import FINISH

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY
from include.dynamo_lake.wake_ups import build_wake_up
from include.dynamo_lake.windows import parse_instant
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


def put_changes(clients: FakeClients, lake: Lake, *names: str, size: int = 3) -> list[str]:
    keys = [f"inbox/{lake.pipeline.main.id}/{name}.json.gz" for name in names]
    clients.s3.objects |= dict.fromkeys(keys, b"x" * size)
    return keys


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
        broken.setattr("lake_airflow.steps.hear.read_inbox", lambda lake: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            heard(pipeline)
    assert list(clients.sqs.messages) == ["w0"]
    clients.sqs.received.clear()  # its visibility timeout has passed
    assert len(heard(pipeline)[1]["notes"]) == 1
    assert clients.sqs.messages == {}


@pytest.mark.parametrize("mode", ["both", "on_change"])
def test_a_stream_that_is_not_heard_is_told_by_a_run_that_finds_nothing_else(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = replace(lake.pipeline.schedule, mode=mode)
    monkeypatch.setattr(pipelines, "read_declaration", lambda name: replace(lake.pipeline, schedule=schedule))
    clients.dynamodb.streams[lake.table_name(lake.pipeline.main.id)]["LatestStreamArn"] = "another"
    goes_on, plan = heard(pipeline)
    assert goes_on
    (warning,) = plan["contract_warnings"]
    assert "has the stream another, the function hears" in warning
    assert ("comes with the windows" in warning) == (mode == "both")
    assert (f"comes with {pipeline}_reconcile" in warning) == (mode == "on_change")


def test_events_that_no_watcher_sent_are_calls_too(
    clients: FakeClients, lake: Lake, pipeline: str, covered: None
) -> None:
    put_changes(clients, lake, "a")
    assert heard(pipeline, [SimpleNamespace(extra={}), SimpleNamespace(extra=None)])[0]


def test_a_bounded_run_takes_the_oldest_files_and_one_at_least(clients: FakeClients, lake: Lake) -> None:
    keys = put_changes(clients, lake, "z", "a", "m", size=10)
    assert [file.key for file in read_inbox(lake).files] == keys
    for bound, count in ((1, 1), (19, 1), (20, 2), (30, 3)):
        taken = read_inbox(lake, max_bytes=bound)
        assert [file.key for file in taken.files] == keys[:count]
        assert taken.left == 3 - count


def batch_of(pipeline: str, max_inbox_bytes: int | None = None) -> dict[str, Any]:
    plan = {
        "now": COVERED,
        "nonce": "n",
        "covered_through": COVERED,
        "items": [],
        "replayed": [],
        "action": "merge",
        "compared": None,
    }
    context = {**context_of(plan=plan), "dag": SimpleNamespace(dag_id="d"), "run_id": "r"}
    build_batch(pipeline, max_inbox_bytes=max_inbox_bytes, **context)
    batch: dict[str, Any] = context["ti"].xcoms["me", "batch"]
    return batch


def again(batch: dict[str, Any], moved: int = 1, stuck: tuple[str, ...] = ()) -> int:
    context = context_of(batch=batch)
    context["ti"].xcoms[FINISH, "return_value"] = {"moved": moved, "stuck": list(stuck)}
    return run_again(**context)


def test_a_run_that_could_move_nothing_starts_no_other(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_changes(clients, lake, "b", "a", size=10)
    batch = batch_of(pipeline, max_inbox_bytes=15)
    with pytest.raises(AirflowSkipException, match="1 files wait"):
        again(batch, moved=0, stuck=("b",))
    assert again(batch, moved=1, stuck=("b",)) == 1


def test_one_run_takes_so_many_files_that_it_can_move_them(
    clients: FakeClients, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = put_changes(clients, lake, "z", "a", "m")
    monkeypatch.setattr(inbox, "MAX_FILES", 2)
    for bound in (None, 100):
        taken = inbox.read_inbox(lake, max_bytes=bound)
        assert [file.key for file in taken.files] == keys[:2]
        assert taken.left == 1


def test_a_file_that_is_too_large_for_s3_to_copy_is_foreign(
    clients: FakeClients, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = put_changes(clients, lake, "a", size=10)
    monkeypatch.setattr(inbox, "MAX_BYTES", 9)
    assert [one for one, _ in inbox.read_inbox(lake).foreign] == [key]


def test_what_a_bounded_run_leaves_starts_the_next_one(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    keys = put_changes(clients, lake, "b", "a", size=10)
    batch = batch_of(pipeline, max_inbox_bytes=15)
    assert [file.key for file in read_manifest(lake, batch["batch_id"]).inbox] == keys[:1]
    assert again(batch) == 1
    whole = batch_of(pipeline, max_inbox_bytes=20)
    with pytest.raises(AirflowSkipException, match="whole inbox"):
        again(whole)


def test_foreign_files_are_put_aside_with_the_reason_and_the_rest_goes_on(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    main = lake.pipeline.main.id
    (good,) = put_changes(clients, lake, "good")
    foreign = {f"inbox/{main}/notes.txt": "name is not like", "inbox/another/x.json.gz": "under no declared source"}
    clients.s3.objects |= dict.fromkeys(foreign, b"foreign") | {"inbox/stray.json.gz": b"foreign"}
    assert batch_of(pipeline)["foreign"] == batch_of(pipeline)["foreign"]  # a retry counts them again
    batch = batch_of(pipeline)
    assert [file.key for file in read_manifest(lake, batch["batch_id"]).inbox] == [good]
    assert len(batch["foreign"]) == 3
    finish(pipeline, **context_of(batch=batch))
    for key, where in (
        (f"inbox/{main}/notes.txt", f"rejected/{main}/notes.txt"),
        ("inbox/another/x.json.gz", "rejected/_unknown/another/x.json.gz"),
        ("inbox/stray.json.gz", "rejected/_unknown/stray.json.gz"),
    ):
        assert key not in clients.s3.objects
        assert clients.s3.objects[where] == b"foreign"
        told = json.loads(clients.s3.objects[f"{where}.reason.json"])
        assert told["key"] == key
        assert foreign.get(key, "under no declared source") in told["reason"]


@pytest.mark.parametrize("name", ["_x", ".x", "a[1]", "a*", "a b", "a:b", "{a,b}"])
def test_a_file_whose_name_spark_would_not_read_as_it_stands_is_put_aside(
    clients: FakeClients, lake: Lake, name: str
) -> None:
    (good,) = put_changes(clients, lake, "20261124T020000.123-" + 32 * "0")
    (odd,) = put_changes(clients, lake, name)
    taken = read_inbox(lake)
    assert [file.key for file in taken.files] == [good]
    assert [key for key, _ in taken.foreign] == [odd]


def test_a_file_that_another_run_has_put_aside_is_no_trouble(clients: FakeClients, lake: Lake) -> None:
    assert inbox.set_aside(lake, {"inbox/stray.json.gz": "not ours"}) == inbox.Moved(0, {})
    assert not clients.s3.objects


def test_so_many_foreign_files_that_one_run_does_not_take_them_start_the_next_one(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    clients.s3.objects |= {f"inbox/stray-{number}": b"x" for number in range(MAX_FOREIGN + 2)}
    batch = batch_of(pipeline, max_inbox_bytes=1)
    assert len(batch["foreign"]) == MAX_FOREIGN
    assert again(batch) == 2
