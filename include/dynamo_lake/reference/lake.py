"""The lake in memory: mirrors, quarantine and target, each replaced whole by a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.statements import Statement
from include.dynamo_lake.typing_rules import Rejection, Value
from include.dynamo_lake.versions import Version

Row = Mapping[str, Value]


@dataclass(frozen=True)
class MirrorRow:
    """The newest statement about one key; ``image`` None is a tombstone. ``run``: the merge that wrote it."""

    image: str | None
    version: Version
    day: date | None
    run: int


@dataclass(frozen=True)
class Mirror:
    """One mirror with the marks of its last commit: its ``run``, the ``floor`` below which statements are refused, and
    the ``rebuild`` that the commit was part of (0: of none).
    """

    rows: Mapping[str, MirrorRow] = field(default_factory=dict)
    run: int = 0
    floor: datetime | None = None
    rebuild: int = 0


@dataclass(frozen=True)
class QuarantineRow:
    """One item whose newest image cannot be typed."""

    version: Version
    rejection: Rejection
    batch_id: str
    run: int


@dataclass(frozen=True)
class Target:
    """The flattened rows by their item's key text, and the run up to which mirror rows have been derived."""

    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    derived_through: int = 0


@dataclass
class Lake:
    """Every table of one pipeline. ``mirrors`` by source id, ``quarantine`` by source id and key."""

    pipeline: Pipeline
    mirrors: dict[str, Mirror]
    quarantine: Mapping[tuple[str, str], QuarantineRow] = field(default_factory=dict)
    target: Target = field(default_factory=Target)

    @staticmethod
    def empty(pipeline: Pipeline) -> Lake:
        return Lake(pipeline, {source.id: Mirror() for source in pipeline.sources})

    @property
    def next_run(self) -> int:
        """The number of the next merge: above every mark, so that rows which a crash left dirty stay above
        ``derived_through``.
        """
        return 1 + max(self.target.derived_through, *(mirror.run for mirror in self.mirrors.values()))

    @property
    def is_rebuild_pending(self) -> bool:
        """Whether a rebuild began and did not reach the target: the next merge, whichever it is, must be one too."""
        return any(mirror.rebuild > self.target.derived_through for mirror in self.mirrors.values())


@dataclass(frozen=True)
class SourceState:
    """What every source held at one instant, whole: the statements of full exports beside the plan.

    ``repair``: what the mirrors show otherwise is replaced by it.
    """

    at: datetime
    statements: tuple[Statement, ...]
    repair: bool = False


@dataclass(frozen=True)
class Batch:
    """What one run applies.

    ``statements``: of all sources, in any order, repeated or not. ``full_export_at``: the batch holds the full export
    of every source at this instant, whole. ``covered_through`` and ``now`` bound the purge of tombstones. ``rebuild``:
    every mirror row is placed anew, quarantine and target are made from the mirrors alone. ``state``: what the mirrors
    are compared with once the statements are applied.
    """

    batch_id: str
    statements: tuple[Statement, ...]
    now: datetime
    full_export_at: datetime | None = None
    covered_through: datetime | None = None
    rebuild: bool = False
    state: SourceState | None = None
