"""Short histories by hand: seconds after the start, one item of each kind, batches by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from include.dynamo_lake.coverage import FullExport, PlanItem
from include.dynamo_lake.declaration import Pipeline
from include.dynamo_lake.reference import MergeCrashedError
from include.dynamo_lake.windows import Window
from tests.histories.engine import FileBatch, FileState, Found, ReferenceEngine
from tests.histories.images import LOOKUP_KEYS, MAIN_KEYS
from tests.histories.tables import ChangeFile, SimulatedTables, Write

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY_1 = {"createdAt": {"S": "2026-01-01T08:00:00Z"}}
DAY_3 = {"createdAt": {"S": "2026-01-03T08:00:00Z"}}
ONE_TASK = {"progressDetails": {"L": [{"M": {"taskID": {"S": "t1"}}}]}}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def window(start: int, end: int) -> Window:
    return Window(at(start), at(end))


def full(seconds: int) -> FullExport:
    return FullExport(at(seconds))


class Story:
    """Writes and merges of one main item (number 0 unless said) and its campaign."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.tables = SimulatedTables(pipeline)
        self.engine = ReferenceEngine(pipeline)
        self.now = at(100)
        self.covered_through: datetime | None = None
        self.batches = 0
        self.lies = count(10**6)

    def under(self, pipeline: Pipeline) -> Story:
        """Another story of the same kind, under another declaration."""
        return Story(pipeline)

    @property
    def lake(self) -> Any:
        return self.engine.lake

    def put(self, seconds: float, image: dict[str, Any] | None = None, item: int = 0) -> Write:
        keys = MAIN_KEYS[item]
        whole = {**keys, **(DAY_1 if image is None else image), **ONE_TASK}
        return self._written(self.tables.write(self.pipeline.main.id, keys, whole, at(seconds)))

    def delete(self, seconds: float, item: int = 0) -> Write:
        return self._written(self.tables.write(self.pipeline.main.id, MAIN_KEYS[item], None, at(seconds)))

    def put_deadline(self, seconds: float, deadline: str) -> Write:
        tasks = {"L": [{"M": {"taskID": {"S": "t1"}, "taskDeadline": {"S": deadline}}}]}
        whole = {**LOOKUP_KEYS[0], "campaignTasks": tasks}
        return self._written(self.tables.write("campaign_info", LOOKUP_KEYS[0], whole, at(seconds)))

    def merge(self, *changes: PlanItem | Write, crash_before: str | None = None, rebuild: bool = False) -> None:
        """Apply exports and stream records as one batch; a crash that was asked for is caught."""
        files = tuple(file for change in changes for file in self._files(change))
        self.batches += 1
        self._apply(FileBatch(f"batch-{self.batches}", files, self.now, self.covered_through, rebuild), crash_before)

    def reconcile(self, seconds: float, *, repair: bool = False, crash_before: str | None = None) -> Found:
        """Compare the mirrors with the tables as they were; return what differs."""
        files = tuple(self.tables.export(source, full(int(seconds))) for source in self.pipeline.sources)
        self.batches += 1
        state = FileState(at(seconds), files, repair)
        batch = FileBatch(f"batch-{self.batches}", (), self.now, self.covered_through, state=state)
        return self._apply(batch, crash_before)

    def mend(self, pipeline: Pipeline) -> None:
        """Deploy another declaration."""
        self.engine.mend(pipeline)

    def lie(self, seconds: float, image: dict[str, Any] | None, item: int = 0) -> Write:
        """A record of the stream that is not true: ``merge`` applies it like any other."""
        whole = None if image is None else {**MAIN_KEYS[item], **image, **ONE_TASK}
        return Write(self.pipeline.main.id, MAIN_KEYS[item], whole, at(seconds), next(self.lies), "")

    def _apply(self, batch: FileBatch, crash_before: str | None) -> Found:
        try:
            return self.engine.apply(batch, crash_before)
        except MergeCrashedError:
            assert crash_before is not None
            return {}

    def live(self) -> list[tuple[str, str]]:
        """The main item's present rows in the mirror and in the target: (day of the mirror row, day of the target row)."""
        mirror = self.lake.mirrors[self.pipeline.main.id]
        days = [row.day.isoformat() for row in mirror.rows.values() if row.image is not None]
        target = [row["created_at"].date().isoformat() for rows in self.lake.target.rows.values() for row in rows]
        assert len(days) == len(target)
        return list(zip(sorted(days), sorted(target), strict=True))

    def _files(self, change: PlanItem | Write) -> list[ChangeFile]:
        if isinstance(change, Write):
            return [
                ChangeFile(
                    change.source,
                    None,
                    f"inbox/{change.source}/{change.number}.json.gz",
                    (self.tables.stream_line(change),),
                )
            ]
        return [self.tables.export(source, change) for source in self.pipeline.sources]

    @staticmethod
    def _written(write: Write | None) -> Write:
        assert write is not None, "this write changes nothing"
        return write
