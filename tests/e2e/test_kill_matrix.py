"""DAG runs of every kind are killed and abandoned; the next run comes, and every change is there once.

One lake in order: every kill finds what the one before it left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.killing import run_and_kill
from tests.e2e.kills import Kill
from tests.e2e.soundness import DAY_S, change, require_sound
from tests.e2e.test_reconcile import tell_a_lie

pytestmark = [pytest.mark.spark, pytest.mark.deep]

REPAIR, REBUILD = {"repair": True}, {"rebuild": True}
# Which crawl comes first is chance: the first kill starts none, so that both are still due at the second.
CAPTURE = (
    Kill("glue.StartCrawler", "before", "source-"),
    # The second look at a crawler that was due is the wait's.
    Kill("glue.GetCrawler", "before", "source-lookup", nth=2),
    Kill("dynamodb.DescribeTable", "before"),
)
HOURLY = (
    Kill("s3.PutObject", "after", "state/coverage.json"),
    Kill("dynamodb.ExportTableToPointInTime", "after"),
    Kill("dynamodb.DescribeExport", "before"),
    Kill("s3.PutObject", "after", "batches/"),
    Kill("glue.StartJobRun", "after"),
    Kill("glue.GetJobRun", "before"),
    Kill("athena.StartQueryExecution", "after"),
    Kill("s3.PutObject", "after", "state/published.json"),
    Kill("glue.UpdateTable", "after"),
    Kill("s3.CopyObject", "after", "applied/"),
    Kill("s3.PutObject", "after", '"plan": []'),
)
# The steps after the data's: a run with nothing left to merge comes to them within seconds.
LAST = (
    Kill("glue.StartCrawler", "before", "output"),
    Kill("glue.GetCrawler", "before", "output", nth=2),
    Kill("glue.GetTable", "before", "campaign_analytics"),
)
# Its calls are gone; its job lives on; its files are copied, and none is deleted; all is done, and nobody is told.
ON_CHANGE = (
    Kill("sqs.DeleteMessageBatch", "after"),
    Kill("glue.StartJobRun", "after"),
    Kill("s3.DeleteObjects", "before", "inbox/"),
    Kill("s3.PutObject", "before", "event.json"),
)
RARE = (
    ("reconcile", REPAIR, Kill("s3.PutObject", "after", "batches/")),
    ("reconcile", REPAIR, Kill("athena.StartQueryExecution", "after")),
    ("bootstrap", {}, Kill("glue.StartJobRun", "after")),
    ("bootstrap", {}, Kill("s3.PutObject", "before", '"plan": []')),
    ("reconcile", REBUILD, Kill("s3.PutObject", "after", "state/published.json")),
)


def change_and_kill(lake: LocalPipeline, kind: str, kill: Kill, conf: Mapping[str, Any] | None = None) -> None:
    """Kill a run that has an hour of changes to apply: readers see all that it verified, or what they saw before."""
    change(lake)
    shown = lake.shown_rows()
    kill_run(lake, kind, kill, conf)
    assert lake.shown_rows() in (shown, lake.expected_rows()), kill


def kill_run(lake: LocalPipeline, kind: str, kill: Kill, conf: Mapping[str, Any] | None = None) -> None:
    assert run_and_kill(lake, kind, kill, conf), f"no call: {kill}"


def test_an_hourly_run_that_is_killed_at_any_step_is_taken_up_by_the_next_one(lake: LocalPipeline) -> None:
    lake.advance(DAY_S)  # its crawlers are due
    for kill in (*CAPTURE, *HOURLY):
        change_and_kill(lake, "hourly", kill)
    for kill in LAST:
        kill_run(lake, "hourly", kill)
    assert lake.run("hourly")
    require_sound(lake)


def test_an_on_change_run_that_is_killed_is_taken_up_by_the_next_one(lake: LocalPipeline) -> None:
    for kill in ON_CHANGE:
        change_and_kill(lake, "on_change", kill)
    assert lake.run("on_change")
    require_sound(lake)


def test_a_bootstrap_a_repair_or_a_rebuild_that_is_killed_is_taken_up_by_whichever_run_comes_next(
    lake: LocalPipeline,
) -> None:
    tell_a_lie(lake)
    for kind, conf, kill in RARE:
        change_and_kill(lake, kind, kill, conf)
    assert lake.run("reconcile", REPAIR)
    require_sound(lake)
