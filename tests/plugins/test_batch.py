"""Batch: what is named, and whether Spark is needed at all."""

from __future__ import annotations

import pytest
from lake_airflow.errors import ExportFailedError
from lake_airflow.pipelines import Lake
from lake_airflow.steps.batch import read_manifest
from lake_airflow.xcoms import FINISH, GLUE_JOB

from include.dynamo_lake.names import manifest_key
from include.dynamo_lake.retention import Maintenance
from include.dynamo_lake.windows import parse_instant
from tests.plugins.batches import build, put_exports, put_published, put_table
from tests.plugins.exports import WINDOW
from tests.plugins.fakes import FakeClients


def put_published_lake(clients: FakeClients, lake: Lake, properties: dict[str, str] | None = None) -> None:
    """An empty window over a lake whose fourth merge readers see, and nothing after it."""
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"}, properties=properties)
    for mirror in lake.mirrors:
        put_table(clients, lake, mirror, {"lake.run": "4"})
    put_published(clients)


def test_statements_lead_to_the_merge_and_are_all_named(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    clients.s3.objects[f"inbox/{lake.pipeline.main.id}/a.json.gz"] = b"123"
    next_task, batch = build(clients, pipeline)
    manifest = read_manifest(lake, batch["batch_id"])
    assert next_task == GLUE_JOB
    assert {export.source for export in manifest.exports} == {source.id for source in lake.sources}
    assert [file.key for file in manifest.inbox] == [f"inbox/{lake.pipeline.main.id}/a.json.gz"]
    assert (manifest.records, manifest.items) == (3 * len(lake.sources), (WINDOW,))
    assert batch["manifest"] == f"s3://{lake.bucket}/{manifest_key(batch['batch_id'])}"


def test_a_retry_names_the_same_batch_a_cleared_run_another(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=3)
    ids = [
        build(clients, pipeline, run_id, nonce)[1]["batch_id"]
        for run_id, nonce in (("r1", "n1"), ("r1", "n1"), ("r1", "n2"), ("r2", "n1"))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(one.startswith("20261124T020003Z-") for one in ids)


def test_an_empty_window_over_a_clean_published_lake_goes_straight_to_finish(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_published_lake(clients, lake)
    assert build(clients, pipeline)[0] == FINISH


def test_rows_that_a_crashed_merge_left_dirty_need_a_merge(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"})
    put_table(clients, lake, lake.mirrors[-1], {"lake.run": "5"})
    put_published(clients)
    assert build(clients, pipeline)[0] == GLUE_JOB


def test_a_head_that_readers_do_not_see_needs_a_merge_and_its_verification(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    put_table(clients, lake, lake.target, {"lake.derived_through": "4"}, snapshot_id=2)
    put_published(clients, snapshot_id=1)
    assert build(clients, pipeline)[0] == GLUE_JOB


@pytest.mark.parametrize(
    ("maintained_at", "run", "due_at", "next_task"),
    [
        ("2026-11-23T02:00:00Z", 3, None, GLUE_JOB),  # merge 4 came after it, and a day has passed
        ("2026-11-24T00:30:00Z", 3, None, FINISH),
        ("2026-11-10T02:00:00Z", 4, None, FINISH),
        ("2026-11-10T02:00:00Z", 4, "2026-11-24T02:00:00Z", GLUE_JOB),
        ("2026-11-10T02:00:00Z", 4, "2026-11-24T02:30:00Z", FINISH),
    ],
)
def test_an_idle_lake_needs_spark_only_where_maintenance_has_something_to_take_away(
    clients: FakeClients,
    lake: Lake,
    pipeline: str,
    maintained_at: str,
    run: int,
    due_at: str | None,
    next_task: str,
) -> None:
    last = Maintenance(parse_instant(maintained_at), run, parse_instant(due_at) if due_at else None)
    put_published_lake(clients, lake, last.to_properties())
    assert build(clients, pipeline)[0] == next_task


def test_an_inbox_file_alone_needs_a_merge(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    put_exports(clients, lake, records=0)
    clients.s3.objects[f"inbox/{lake.sources[-1].id}/a.json.gz"] = b"123"
    assert build(clients, pipeline)[0] == GLUE_JOB


def test_an_export_that_is_not_there_is_named(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    with pytest.raises(ExportFailedError, match=f"source {lake.pipeline.main.id}.*clear export"):
        build(clients, pipeline)
