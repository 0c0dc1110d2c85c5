"""A task's context: its XComs and the number of its try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeTaskInstance:
    """XComs by ``(task id, key)``; what the task pushes goes to task id ``me``."""

    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    try_number: int = 1

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.xcoms["me", key] = value

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))


def context_of(**xcoms: Any) -> dict[str, Any]:
    """A task's context; ``plan`` and ``batch`` are what those tasks told."""
    ti = FakeTaskInstance()
    if "plan" in xcoms:
        ti.xcoms["plan", "plan"] = xcoms["plan"]
    if "batch" in xcoms:
        ti.xcoms["merge.build_batch", "batch"] = xcoms["batch"]
    return {"ti": ti}
