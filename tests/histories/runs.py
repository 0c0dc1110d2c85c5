"""What a run decides before it merges: the items it takes, and the batches in which it takes them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.dynamo_lake.coverage import (
    Coverage,
    Decision,
    FullExport,
    PlanItem,
    plan_bootstrap,
    plan_range,
    plan_through,
)
from include.dynamo_lake.errors import PlanError
from include.dynamo_lake.windows import Window
from tests.histories.operations import Run
from tests.histories.tables import ChangeFile

BOOTSTRAP_DAG = "bootstrap"


@dataclass(frozen=True)
class PreparedRun:
    """A run that has decided what it works on, but has not merged yet."""

    run: Run
    items: tuple[PlanItem, ...]
    replayed: tuple[Window, ...]
    inbox: tuple[ChangeFile, ...]
    covered_through: datetime | None

    def batches(self, groups: list[list[ChangeFile]]) -> list[list[list[ChangeFile]]]:
        """Groups of files that hang together, in the run's order, by batch; each batch twice where the run is doubled."""
        shuffled = list(groups)
        random.Random(self.run.order).shuffle(shuffled)
        return [batch for part in _split(shuffled, self.run.parts) for batch in [part] * (1 + self.run.is_doubled)]


def decide(run: Run, coverage: Coverage, now: datetime) -> Decision:
    """Plan as the DAG of the run's kind does. Raises PlanError where it would refuse."""
    match run.kind:
        case "scheduled":
            return plan_through(coverage, now, bootstrap_dag=BOOTSTRAP_DAG)
        case "bootstrap":
            return plan_bootstrap(coverage, now=now)
        case "manual":
            start = now - timedelta(microseconds=run.back)
            return plan_range(coverage, start, now, now=now, bootstrap_dag=BOOTSTRAP_DAG)
        case "on_change":
            if coverage.covered_through is None:
                raise PlanError("nothing is covered yet")
            return Decision(coverage, ())


def _split(groups: list[list[ChangeFile]], parts: int) -> list[list[list[ChangeFile]]]:
    """Split by file; the files of a full export stay together, and so do the sources of a window or not, as it falls."""
    loose: list[list[ChangeFile]] = []
    for group in groups:
        is_full = any(isinstance(file.item, FullExport) for file in group)
        loose.extend([group] if is_full else [[file] for file in group])
    size = max(1, -(-len(loose) // parts))
    return [loose[start : start + size] for start in range(0, len(loose), size)] or [[]]
