"""What tasks of one run tell each other: task ids and XCom keys, in one place.

Edges of the graph say the order only; a value that is needed far downstream is pulled by name, so that the picture stays the flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLAN = "plan"
CHECK_CONTRACT = "capture.check_contract"
BUILD_BATCH = "merge.build_batch"
GLUE_JOB = "merge.glue_job"
DIFFERENCES = "differences"
FINISH = "publish.finish"

PLAN_KEY = "plan"
BATCH_KEY = "batch"
NOTE_KEY = "note"


def read_plan(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ``plan`` decided: now, nonce, covered_through, items, replayed, notes, action, compared; ``hear`` also contract_warnings."""
    return _pull(context, PLAN, PLAN_KEY)


def read_batch(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch of this run: batch_id, since, manifest, inbox_files, inbox_left, foreign."""
    return _pull(context, BUILD_BATCH, BATCH_KEY)


def read_result(context: Mapping[str, Any], task_id: str) -> Any:
    """What a task returned; None where it was skipped."""
    return context["ti"].xcom_pull(task_ids=task_id)


def batch_template(field: str) -> str:
    """A template that renders one field of the run's batch."""
    return f"{{{{ ti.xcom_pull(task_ids='{BUILD_BATCH}', key='{BATCH_KEY}')['{field}'] }}}}"


def _pull(context: Mapping[str, Any], task_id: str, key: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = context["ti"].xcom_pull(task_ids=task_id, key=key)
    return value
