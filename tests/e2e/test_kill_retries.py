"""A run of each kind is killed at every step, and its task tried again: one export a source and window, one job run, every change once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.killing import run_killed_at_every_step
from tests.e2e.soundness import DAY_S, arm, change, job_runs, require_sound, strikes_left

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# What every run that merges does, the triggerer's waits for job run and query among it.
ALWAYS = (
    "merge.build_batch",
    "merge.glue_job",
    "the wait for glue.GetJobRun",
    "verify.counts",
    "verify.row_key_unique",
    "the wait for athena.GetQueryExecution",
    "publish.snapshot",
    "publish.finish",
    "publish.announce",
)
LEAST_WRITES = 8
LONG_QUERY_S, LONG_QUERIES = 8, 3


@pytest.mark.parametrize(
    ("kind", "conf", "tasks"),
    [
        (
            "hourly",
            {},
            ("plan", "capture.export", "capture.crawl_main", "publish.crawl_output", "publish.assert_pointer"),
        ),
        ("on_change", {}, ("plan",)),
        ("reconcile", {"repair": True}, ("plan", "capture.export", "differences")),
    ],
)
def test_a_run_that_is_killed_at_every_step_and_tried_again_ends_right_with_one_job_run(
    lake: LocalPipeline, kind: str, conf: Mapping[str, Any], tasks: tuple[str, ...]
) -> None:
    lake.advance(DAY_S)  # its crawlers are due
    change(lake)
    before = len(job_runs(lake))
    # The first queries last longer than the check's own patience: the triggerer waits for them, and is killed at that too.
    arm(lake, target="AmazonAthena.StartQueryExecution", waits_s=LONG_QUERY_S, times=LONG_QUERIES)
    killed = run_killed_at_every_step(lake, kind, conf)
    for task in (*tasks, *ALWAYS):
        assert f"{task} begins" in killed
    assert len([moment for moment in killed if not moment.endswith(" begins")]) >= LEAST_WRITES
    assert strikes_left(lake) == 0
    assert len(job_runs(lake)) == before + 1
    require_sound(lake)
