"""Tables with version ids, runs of one job, crawlers."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.plugins.fakes.answers import DATE, NOW, Meta, Pages, refusal


@dataclass
class FakeGlue:
    """Tables with version ids, runs of one job (newest first), crawlers. ``before_update`` is a rival's place."""

    tables: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    crawlers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    slot_taken: bool = False
    before_update: list[Callable[[], None]] = field(default_factory=list)
    after_start_crawler: list[Callable[[], None]] = field(default_factory=list)
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:
        if (DatabaseName, Name) not in self.tables:
            raise refusal("EntityNotFoundException")
        return {"Table": self.tables[DatabaseName, Name], **self.date}

    def put_table(self, database: str, table_input: dict[str, Any]) -> None:
        version = int(self.tables.get((database, table_input["Name"]), {"VersionId": "0"})["VersionId"])
        self.tables[database, table_input["Name"]] = {**table_input, "VersionId": str(version + 1)}

    def create_table(self, *, DatabaseName: str, TableInput: dict[str, Any]) -> None:
        if self.before_update:
            self.before_update.pop()()
        if (DatabaseName, TableInput["Name"]) in self.tables:
            raise refusal("AlreadyExistsException")
        self.put_table(DatabaseName, TableInput)

    def update_table(self, *, DatabaseName: str, TableInput: dict[str, Any], VersionId: str) -> None:
        if self.before_update:
            self.before_update.pop()()
        if self.tables[DatabaseName, TableInput["Name"]]["VersionId"] != VersionId:
            raise refusal("ConcurrentModificationException")
        self.put_table(DatabaseName, TableInput)

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "get_job_runs"
        return Pages(lambda JobName: {"JobRuns": self.runs})

    def get_job_runs(self, *, JobName: str, MaxResults: int) -> dict[str, Any]:
        return {"JobRuns": self.runs[:MaxResults]}

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, Any]:
        self.calls.append("start")
        if self.slot_taken:
            raise refusal("ConcurrentRunsExceededException")
        run = {"Id": f"jr_{len(self.runs)}", "JobRunState": "STARTING", "Arguments": Arguments, "StartedOn": NOW}
        self.runs.insert(0, run)
        return {"JobRunId": run["Id"]}

    def get_job_run(self, *, JobName: str, RunId: str) -> dict[str, Any]:
        return {"JobRun": next(run for run in self.runs if run["Id"] == RunId)}

    def get_job(self, *, JobName: str) -> dict[str, Any]:
        return {"Job": {"Timeout": 120}}

    def batch_stop_job_run(self, *, JobName: str, JobRunIds: list[str]) -> None:
        self.calls.append(f"stop {JobRunIds[0]}")

    def get_crawler(self, *, Name: str) -> dict[str, Any]:
        return {"Crawler": self.crawlers[Name], **self.date}

    def start_crawler(self, *, Name: str) -> None:
        self.calls.append(f"crawl {Name}")
        if self.crawlers[Name]["State"] != "READY":
            raise refusal("CrawlerRunningException")
        self.crawlers[Name]["State"] = "RUNNING"
        if self.after_start_crawler:
            self.after_start_crawler.pop()()

    def stop_crawler(self, *, Name: str) -> None:
        self.calls.append(f"stop {Name}")
