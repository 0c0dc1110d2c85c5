"""What a comparison of the mirrors with their tables found, as people read it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lake_airflow.pipelines import Lake
from lake_airflow.run_log import tell_failure
from lake_airflow.steps.differences import NOTE_CHARACTERS, build_note, tell_differences

from include.dynamo_lake.names import report_key
from include.dynamo_lake.reports import DifferenceCounts, ReconcileReport
from tests.plugins.batches import report_of
from tests.plugins.fakes import FakeClients, context_of

NOTHING = DifferenceCounts(compared=10, newer=2, missing=0, extra=0, different=0)
FOUND = ReconcileReport(
    at="2026-11-24T02:00:00Z",
    repaired=False,
    sources={"users": DifferenceCounts(1000, 0, 1, 2, 3), "campaigns": NOTHING},
    examples=({"source": "users", "key": '[{"S":"u1"}]', "kind": "missing"},),
    differences="runs/b/differences/",
)


def test_a_note_counts_by_source_and_kind_and_says_where_all_keys_are() -> None:
    assert build_note(FOUND, "bucket").splitlines() == [
        "Mirrors compared with full exports at 2026-11-24T02:00:00Z:",
        "- users: 1 missing, 2 extra, 3 different of 1000 items",
        "- campaigns: no difference of 10 items, 2 changed since",
        '  missing users [{"S":"u1"}]',
        "All of them: s3://bucket/runs/b/differences/",
        "Nothing was changed: run again with repair to put it right.",
    ]


def test_a_repair_says_so() -> None:
    assert build_note(replace(FOUND, repaired=True), "bucket").endswith("Repaired.")


def test_where_nothing_differs_the_note_is_the_counts() -> None:
    note = build_note(replace(FOUND, sources={"campaigns": NOTHING}, examples=()), "bucket")
    assert note.splitlines()[1:] == ["- campaigns: no difference of 10 items, 2 changed since"]


def test_a_note_fits_into_airflows_field_however_long_the_keys_are() -> None:
    examples = tuple({"source": "users", "key": "k" * 300, "kind": "extra"} for _ in range(20))
    note = build_note(replace(FOUND, examples=examples), "bucket")
    assert len(note) <= NOTE_CHARACTERS
    assert note.count("k" * 300) == 2
    assert note.endswith("put it right.")


def context_of_run(**xcoms: Any) -> dict[str, Any]:
    return {**context_of(**xcoms), "dag": SimpleNamespace(dag_id="p_reconcile"), "run_id": "r"}


def told(clients: FakeClients, lake: Lake) -> list[dict[str, Any]]:
    """Lines of the run log that count a run to look at."""
    lines = [json.loads(line) for line in clients.logs.messages.get((lake.settings.run_log, "p_reconcile"), [])]
    metrics = [line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in lines]
    assert metrics == ["RunsToLookAt"] * len(lines)
    return lines


def test_differences_that_were_not_repaired_are_told_to_the_alarm(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    def compare(found: ReconcileReport) -> None:
        clients.s3.objects[report_key("b")] = report_of("b", reconciled=found)
        tell_differences(pipeline, context_of_run(batch={"batch_id": "b"}))

    compare(replace(FOUND, repaired=True))
    compare(replace(FOUND, sources={"campaigns": NOTHING}))
    assert told(clients, lake) == []
    compare(FOUND)
    (line,) = told(clients, lake)
    assert (line["Pipeline"], line["RunsToLookAt"], line["run_id"]) == (pipeline, 1, "r")
    assert line["differences"]["users"]["missing"] == 1


def test_a_failed_task_is_told_to_the_alarm(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    context = context_of_run()
    context["ti"].task_id = "verify.counts"
    tell_failure(context, pipeline=pipeline)
    (line,) = told(clients, lake)
    assert (line["RunsToLookAt"], line["dag_id"], line["failed_task"]) == (1, "p_reconcile", "verify.counts")
