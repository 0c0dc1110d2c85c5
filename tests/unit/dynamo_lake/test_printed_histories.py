"""A property test that fails leaves a test that runs: shrunk, and failing for the same reason alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.dynamo_lake.reference import mirrors
from tests.histories.operations import SECOND, Operation, Pass, Put, Run
from tests.histories.truth import truth_differences
from tests.unit.dynamo_lake import test_law


def forget_what_is_absent_from_a_full_export(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mirrors, "_swept", lambda rows, at, run: {})


def printed_test(source: str) -> Callable[[], None]:
    names: dict[str, Any] = {}
    exec(compile(source, "printed", "exec"), names)
    test: Callable[[], None] = names["test_this_history"]
    return test


GONE = (Put("main", 0, {"createdAt": {"S": "2026-01-01"}}, 1), Run("bootstrap"), Put("main", 0, None, 1), Pass(SECOND))


def test_a_failure_is_printed_shrunk_as_a_test_that_fails_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=200, derandomize=True, database=None, deadline=None)
    @given(st.lists(st.sampled_from(GONE), max_size=12))
    def search(history: list[Operation]) -> None:
        assert truth_differences(test_law.play(history)) == []

    with monkeypatch.context() as patch:
        forget_what_is_absent_from_a_full_export(patch)
        with pytest.raises(AssertionError) as caught:
            search()
    printed = next(note for note in caught.value.__notes__ if "def test_this_history" in note)
    calls = [node for node in ast.walk(ast.parse(printed)) if isinstance(node, ast.Call)]
    assert sum(isinstance(call.func, ast.Name) and call.func.id == "Put" for call in calls) == 2, (
        "an item is written and deleted"
    )
    printed_test(printed)()
    forget_what_is_absent_from_a_full_export(monkeypatch)
    with pytest.raises(AssertionError):
        printed_test(printed)()
