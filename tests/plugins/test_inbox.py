"""The inbox: what a run takes of it, what it leaves for the next one, what is put aside."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from lake_airflow import inbox
from lake_airflow.inbox import MAX_FOREIGN, read_inbox
from lake_airflow.pipelines import Lake
from lake_airflow.steps.batch import build_batch, read_manifest
from lake_airflow.steps.finish import finish, run_again
from lake_airflow.xcoms import FINISH

from tests.plugins.batches import put_changes, told_plan
from tests.plugins.fakes import FakeClients, context_of


def test_a_bounded_run_takes_the_oldest_files_and_one_at_least(clients: FakeClients, lake: Lake) -> None:
    keys = put_changes(clients, lake, "z", "a", "m", size=10)
    assert [file.key for file in read_inbox(lake).files] == keys
    for bound, count in ((1, 1), (19, 1), (20, 2), (30, 3)):
        taken = read_inbox(lake, max_bytes=bound)
        assert [file.key for file in taken.files] == keys[:count]
        assert taken.left == 3 - count


def batch_of(pipeline: str, max_inbox_bytes: int | None = None) -> dict[str, Any]:
    context = {**context_of(plan=told_plan(items=())), "dag": SimpleNamespace(dag_id="d"), "run_id": "r"}
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
