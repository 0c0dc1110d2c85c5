"""A failing history, printed as a test that runs: paste it into a file beside the property test that found it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import currently_in_test_context, note

from tests.histories.operations import Operation


class PrintedTest:
    """Source of a test for one history. ``module``: where its ``play`` is; ``fixtures``: what ``play`` takes first.

    Made cheaply for every history, and formatted only where Hypothesis reports one.
    """

    def __init__(self, module: str, history: Sequence[Operation], fixtures: tuple[str, ...] = ()) -> None:
        self.module = module
        self.history = history
        self.fixtures = fixtures

    def __repr__(self) -> str:
        names = sorted({type(operation).__name__ for operation in self.history})
        lines = "\n".join(f"        {operation!r}," for operation in self.history)
        return (
            f"from tests.histories.operations import {', '.join(names)}\n"
            f"from tests.histories.truth import truth_differences\n"
            f"from {self.module} import play\n\n\n"
            f"def test_this_history({', '.join(self.fixtures)}) -> None:\n"
            f"    history = [\n{lines}\n    ]\n"
            f"    assert truth_differences(play({', '.join((*self.fixtures, 'history'))})) == []\n"
        )


def note_test(printed: object) -> None:
    """Let Hypothesis print the test beside a failure; a history that is played by itself needs none."""
    if currently_in_test_context():
        note(printed)
