"""AWS as one pipeline sees it, in memory: tables with a past, exports, the merge job, crawlers, Athena, one clock."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from include.dynamo_lake.coverage import FullExport, PlanItem
from include.dynamo_lake.reference import Row, expected_tables
from include.dynamo_lake.windows import Window, floor_second
from tests.histories.engine import statements_of
from tests.histories.tables import ChangeFile, SimulatedTables, Write
from tests.plugins.exports import put_manifests
from tests.plugins.fakes import FakeAthena, FakeDynamoDB, FakeGlue, FakeLogs, FakeS3, FakeSqs
from tests.plugins.simulation.glue_job import MergeJob

START = datetime(2026, 3, 1, tzinfo=UTC)
_VERSION = re.compile(r"FOR VERSION AS OF (\d+)")
_ACTIVE = ("STARTING", "RUNNING")


class World:
    """All of AWS. ``violations``: what readers saw that they must never see, and what was paid for twice."""

    def __init__(self, lake: Any) -> None:
        self.lake = lake
        self.pipeline = lake.pipeline
        self.now = START
        self.date: dict[str, Any] = {}
        self.tables = SimulatedTables(self.pipeline)
        self.files: dict[str, ChangeFile] = {}
        self.violations: list[str] = []
        self.crash_next_merge_before: str | None = None
        self.within_next_merge: Callable[[], object] | None = None
        self.waits = 0
        self.broken_wait: int | None = None
        self.s3 = FakeS3(date=self.date)
        self.glue = WorldGlue(date=self.date, world=self)
        self.dynamodb = WorldDynamoDB(date=self.date, world=self)
        self.athena = WorldAthena(world=self)
        self.sqs, self.logs = FakeSqs(), FakeLogs()
        self.job = MergeJob(self.pipeline, self.s3, self.glue, lake.bucket, lake.settings.lake_database, self.files)
        for source in lake.sources:
            keys = [(attribute.name, attribute.type) for attribute in source.key]
            self.dynamodb.keys[lake.table_name(source.id)] = keys
            self.glue.crawlers[lake.crawler(source.id)] = {"State": "READY"}
        self.glue.crawlers[lake.settings.output_crawler] = {"State": "READY"}
        self.advance(timedelta(0))

    def advance(self, by: timedelta) -> None:
        """Move the clock; every answer carries it, and point-in-time recovery reaches up to it."""
        self.now += by
        self.date["ResponseMetadata"] = {"HTTPHeaders": {"date": format_datetime(self.now, usegmt=True)}}
        for source in self.lake.sources:
            self.dynamodb.recovery[self.lake.table_name(source.id)] = {
                "PointInTimeRecoveryStatus": "ENABLED",
                "EarliestRestorableDateTime": max(START, self.now - timedelta(days=35)),
                "LatestRestorableDateTime": self.now,
            }

    def write(self, keys: dict[str, Any], image: dict[str, Any] | None, source: str | None = None) -> Write | None:
        """Write an item (None: delete it) now; a second later it is the past."""
        whole = None if image is None else {**keys, **image}
        written = self.tables.write(source or self.pipeline.main.id, keys, whole, self.now)
        self.advance(timedelta(seconds=1))
        return written

    def capture(self, write: Write) -> None:
        """What the stream function does with a write: a change file in the inbox, and a call."""
        key = f"inbox/{write.source}/{write.number:04}.json.gz"
        self.s3.objects[key] = b"file"
        self.files[key] = ChangeFile(write.source, None, key, (self.tables.stream_line(write),))
        self.sqs.messages[key] = json.dumps({"pipeline": self.pipeline.name, "keys": [key]})

    def wait(self, trigger: Any) -> dict[str, Any]:
        """Let pass what a trigger waits for; the event that it ends with. Wait number ``broken_wait`` fails before that."""
        self.waits += 1
        if self.waits - 1 == self.broken_wait and type(trigger).__name__ != "PauseTrigger":
            told = {"status": "error", "message": "ExpiredTokenException", "deadline": trigger.deadline}
            return {**told, trigger.return_key: trigger.return_value}
        match type(trigger).__name__:
            case "PauseTrigger":
                self.advance(timedelta(minutes=1))
                return {"deadline": trigger.deadline}
            case "ExportEndedTrigger":
                self.dynamodb.complete(trigger.return_value)
            case "JobRunEndedTrigger" | "JobSlotTrigger":
                self.glue.end_runs()
            case "QueryEndedTrigger":
                self.athena.complete(trigger.return_value)
        return {"status": "success", "deadline": trigger.deadline, trigger.return_key: trigger.return_value}

    def truth(self) -> dict[str, tuple[Row, ...]]:
        """The target's rows as the present items make them."""
        at = floor_second(self.now) + timedelta(seconds=1)
        files = tuple(self.tables.export(source, FullExport(at)) for source in self.pipeline.sources)
        return dict(expected_tables(self.pipeline, statements_of(self.pipeline, files)).target)

    def shown(self) -> dict[str, tuple[Row, ...]]:
        """The rows that readers see."""
        entry = self.glue.tables.get((self.lake.settings.analytics_database, self.lake.target))
        return {} if entry is None else dict(self.job.rows[snapshot_of(entry["Parameters"]["metadata_location"])])


@dataclass
class WorldGlue(FakeGlue):
    """The merge job runs when somebody waits for it, in two steps; a crawl has ended when somebody looks a second time."""

    world: World | None = None

    def put_table(self, database: str, table_input: dict[str, Any]) -> None:
        assert self.world is not None
        super().put_table(database, table_input)
        if database != self.world.lake.settings.analytics_database:
            return
        shown = snapshot_of(table_input["Parameters"]["metadata_location"])
        if shown not in self.world.athena.verified:
            self.world.violations.append(f"readers were shown snapshot {shown}, which no check has passed")
        if shown < self.world.athena.newest_shown:
            self.world.violations.append(f"readers were taken back to {shown}")
        self.world.athena.newest_shown = shown

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, Any]:
        assert self.world is not None
        self.slot_taken = any(run["JobRunState"] in _ACTIVE for run in self.runs)
        own = [run for run in self.runs if run["Arguments"]["--batch_id"] == Arguments["--batch_id"]]
        if not self.slot_taken and any(run["JobRunState"] != "FAILED" for run in own):
            self.world.violations.append(
                f"batch {Arguments['--batch_id']} has run {own[0]['Id']}, and another was started"
            )
        answer = super().start_job_run(JobName=JobName, Arguments=Arguments)
        self.runs[0]["StartedOn"] = self.world.now
        return answer

    def end_runs(self) -> None:
        """Every run under way goes to its end."""
        assert self.world is not None
        for run in [one for one in self.runs if one["JobRunState"] in _ACTIVE]:
            self.end_crawls()
            # The job has found the crawler at rest, and commits later.
            meanwhile, self.world.within_next_merge = self.world.within_next_merge, None
            if meanwhile is not None:
                meanwhile()
            if run["JobRunState"] in _ACTIVE:
                crash, self.world.crash_next_merge_before = self.world.crash_next_merge_before, None
                arguments = run["Arguments"]
                run["JobRunState"] = self.world.job.run(arguments["--batch_id"], arguments["--batch"], crash)

    def get_crawler(self, *, Name: str) -> dict[str, Any]:
        answer = super().get_crawler(Name=Name)
        described = {**answer, "Crawler": dict(answer["Crawler"])}
        self.end_crawls()
        return described

    def end_crawls(self) -> None:
        """Every crawl under way ends; the output crawler's shows readers the lake's head."""
        assert self.world is not None
        settings = self.world.lake.settings
        for name, crawler in self.crawlers.items():
            if crawler["State"] == "READY":
                continue
            self.crawlers[name] = {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED", "StartTime": self.world.now}}
            if name == settings.output_crawler:
                head = self.tables[settings.lake_database, self.world.lake.target]
                place = self.tables[settings.analytics_database, self.world.lake.target]
                found = {"metadata_location": head["Parameters"]["metadata_location"]}
                if found["metadata_location"] != place["Parameters"]["metadata_location"]:
                    self.put_table(
                        settings.analytics_database, {**place, "Parameters": {**place["Parameters"], **found}}
                    )

    def stop_crawler(self, *, Name: str) -> None:
        super().stop_crawler(Name=Name)
        self.crawlers[Name] = {"State": "READY", "LastCrawl": {"Status": "CANCELLED"}}


@dataclass
class WorldDynamoDB(FakeDynamoDB):
    """An export is there when somebody has waited for it; its files hold what the tables held."""

    world: World | None = None

    def export_table_to_point_in_time(self, **request: Any) -> dict[str, Any]:
        known = set(self.exports)
        answer = super().export_table_to_point_in_time(**request)
        arn = answer["ExportDescription"]["ExportArn"]
        if arn not in known:
            self._require_first(request["S3Prefix"])
            self.exports[arn] |= {"S3Prefix": request["S3Prefix"], "request": request}
        return answer

    def _require_first(self, prefix: str) -> None:
        assert self.world is not None
        earlier = (export for export in self.exports.values() if export.get("S3Prefix") == prefix)
        if any(export["ExportStatus"] != "FAILED" for export in earlier):
            self.world.violations.append(f"{prefix} was exported already, and another export was started")

    def complete(self, arn: str) -> None:
        """Write the export's data and manifests, and end it."""
        assert self.world is not None
        export = self.exports[arn]
        table = export["request"]["TableArn"].rpartition("/")[2]
        source = next(one for one in self.world.lake.sources if self.world.lake.table_name(one.id) == table)
        file = self.world.tables.export(source, item_of(export["request"]))
        folder = f"{export['S3Prefix']}/AWSDynamoDB/"
        key = f"{folder}data/{arn.rpartition('/')[2]}.json.gz"
        self.world.files[key] = file
        self.world.s3.objects[key] = b"data"
        put_manifests(self.world.s3, f"{folder}{arn.rpartition('/')[2]}/", key, len(file.lines), billedSizeBytes=1)
        export["ExportStatus"] = "COMPLETED"


@dataclass
class WorldAthena(FakeAthena):
    """Queries that find no offenders; ``verified``: snapshots that every declared check has passed."""

    world: World | None = None
    newest_shown: int = 0

    def __post_init__(self) -> None:
        self.by_token: dict[str, str] = {}
        self.passed: dict[int, set[str]] = {}
        self.rows = [["offender"]]

    @property
    def verified(self) -> set[int]:
        assert self.world is not None
        checks = len(self.world.pipeline.checks.run)
        return {snapshot for snapshot, queries in self.passed.items() if len(queries) == checks}

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        token = request["ClientRequestToken"]
        if token not in self.by_token:
            self.by_token[token] = super().start_query_execution(**request)["QueryExecutionId"]
            self.states[self.by_token[token]] = {"Status": {"State": "RUNNING"}, "sql": request["QueryString"]}
        return {"QueryExecutionId": self.by_token[token]}

    def complete(self, query_id: str) -> None:
        assert self.world is not None
        sql = self.states[query_id]["sql"]
        self.states[query_id]["Status"] = {"State": "SUCCEEDED"}
        target = re.search(rf'"{self.world.lake.target}" {_VERSION.pattern}', sql)
        assert target is not None, "a check reads the target at a snapshot"
        self.passed.setdefault(int(target[1]), set()).add(sql.partition("\n")[0])


def snapshot_of(location: str) -> int:
    """The snapshot that a metadata file's name says."""
    return int(location.rpartition("/")[2].removesuffix(".json"))


def item_of(request: dict[str, Any]) -> PlanItem:
    """The planned item that an export request asks for."""
    if request["ExportType"] == "FULL_EXPORT":
        return FullExport(request["ExportTime"])
    asked = request["IncrementalExportSpecification"]
    return Window(asked["ExportFromTime"], asked["ExportToTime"])
