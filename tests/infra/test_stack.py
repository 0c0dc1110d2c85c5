"""Following a stack: until it takes another change, with a sign of life."""

from __future__ import annotations

from typing import Any

import pytest

from include.deploy import stack
from include.deploy.change_sets import _change_lines
from include.deploy.stack import delete_stack, wait_for_stack


class Changing:
    """A stack that shows one status a look, and one finished resource each time; none before ``late`` looks."""

    def __init__(self, statuses: list[str], late: int = 0) -> None:
        self.statuses = statuses
        self.looks = -late

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        return {"Stacks": [{**request, "StackStatus": self.statuses.pop(0) if self.looks > 0 else "UPDATE_COMPLETE"}]}

    def get_paginator(self, _: str) -> Changing:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        self.looks += 1
        numbers = range(self.looks, 0, -1)
        return [
            {
                "StackEvents": [
                    {"EventId": str(n), "LogicalResourceId": f"R{n}", "ResourceStatus": "UPDATE_COMPLETE"}
                    for n in numbers
                ]
            }
        ]


@pytest.fixture
def a_look_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def sleep(_: float) -> None:
        now[0] += 60.0

    monkeypatch.setattr(stack.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(stack.time, "sleep", sleep)


@pytest.mark.usefixtures("a_look_a_minute")
def test_a_stack_that_still_cleans_up_is_waited_for_with_a_line_a_minute() -> None:
    statuses = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    lines: list[str] = []
    settled = wait_for_stack(Changing(statuses), "demo-lake", None, lines.append)
    assert settled["StackStatus"] == "UPDATE_COMPLETE", "it takes no other update before"
    assert lines == [
        "stack demo-lake: UPDATE_COMPLETE_CLEANUP_IN_PROGRESS after 1 minutes, 2 resources done",
        "stack demo-lake: UPDATE_COMPLETE",
    ]


@pytest.mark.usefixtures("a_look_a_minute")
def test_the_end_of_the_change_before_is_not_taken_for_that_of_this_one() -> None:
    changing = Changing(["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"], late=2)
    wait_for_stack(changing, "demo-lake", None, lambda _: None)
    assert changing.statuses == [], "it was followed to its own end"


class Deleting:
    """A stack whose deletion failed before, and shows that for one more look."""

    def __init__(self) -> None:
        self.statuses = ["DELETE_FAILED", "DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"StackName": "demo-lake", "StackId": "id", "StackStatus": self.statuses.pop(0)}]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": [{"EventId": "the failure's"}]}

    def delete_stack(self, **_: str) -> None:
        pass


@pytest.mark.usefixtures("a_look_a_minute")
def test_the_failure_of_the_deletion_before_is_not_taken_for_that_of_this_one() -> None:
    lines: list[str] = []
    delete_stack(Deleting(), "demo-lake", lines.append)
    assert lines == ["stack demo-lake: DELETE_COMPLETE"]


def test_a_change_names_its_properties_and_what_may_be_replaced() -> None:
    details = [{"Target": {"Attribute": "Properties", "Name": name}} for name in ("Timeout", "Name")]
    job = {"Action": "Modify", "LogicalResourceId": "Job", "Replacement": "Conditional", "Details": details}
    queue = {"Action": "Modify", "LogicalResourceId": "Queue", "Replacement": "True", "Details": []}
    assert _change_lines({"Changes": [{"ResourceChange": job}, {"ResourceChange": queue}]}) == [
        "  modify Job: Name, Timeout (replacement, depending on the new values)",
        "  modify Queue (replacement)",
    ]
