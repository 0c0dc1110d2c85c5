"""What ``make dag`` and ``make run`` say while a run goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from include.laptop.dag_run import TaskLines

TOLD = {
    ("plan", "plan"): {"notes": ["the last 14 minutes are not past yet"]},
    ("publish.finish", None): {"stuck": ["s3://lake/inbox/1 stays in the inbox"]},
}


def ended(task_id: str, told: dict[Any, Any]) -> Any:
    def xcom_pull(task_ids: str, key: str | None = None) -> Any:
        return told.get((task_ids, key))

    return SimpleNamespace(task_id=task_id, map_index=-1, xcom_pull=xcom_pull)


def said(told: dict[Any, Any]) -> list[str]:
    lines: list[str] = []
    listener = TaskLines(lines.append).listener()
    for task_id in ("plan", "merge.build_batch", "publish.finish"):
        listener.on_task_instance_success(None, ended(task_id, told))
    return lines


def test_a_runs_notes_are_said_where_they_arise() -> None:
    assert said(TOLD) == [
        "  plan: success",
        "    note: the last 14 minutes are not past yet",
        "  merge.build_batch: success",
        "  publish.finish: success",
        "    note: s3://lake/inbox/1 stays in the inbox",
    ]


def test_a_run_that_hears_nothing_has_no_notes() -> None:
    assert said({}) == ["  plan: success", "  merge.build_batch: success", "  publish.finish: success"]
