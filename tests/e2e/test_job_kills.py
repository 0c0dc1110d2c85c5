"""The merge job is killed around its commits, whatever it does: readers keep what was verified, and a later try finishes it.

One lake in order: every kill finds what the one before it left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.soundness import (
    DAY_S,
    LOOKUP_MIRROR,
    MIRROR,
    QUARANTINE,
    TARGET,
    arm,
    change,
    require_sound,
    strikes_left,
)
from tests.e2e.test_reconcile import tell_a_lie
from tests.readers_pointer import require_forwards, shown_since

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# Around every commit of a merge: (what stands in the request that makes it, when its run is killed). Before a commit is after the last.
COMMITS = (
    (MIRROR, "before"),
    (MIRROR, "after"),
    (LOOKUP_MIRROR, "after"),
    (QUARANTINE, "after"),
    (TARGET, "after"),
)


def arm_kills(lake: LocalPipeline, *commits: str) -> None:
    """The job is killed after its next commit to each of these tables: one kill for a try."""
    for commit in commits:
        arm(lake, target="AWSGlue.UpdateTable", match=commit, kill="after")


def fail(lake: LocalPipeline, kind: str, conf: Mapping[str, Any] | None = None) -> None:
    """Run a DAG whose job is killed in every try."""
    left, before = strikes_left(lake), lake.shown_rows()
    assert not lake.run(kind, conf)
    assert strikes_left(lake) == left - 3
    assert lake.shown_rows() == before, "readers keep what was verified"


@pytest.mark.parametrize("newest_first", [["a", "b", "a"], ["unpublished", "a"], ["forgotten"], ["forgotten", "a"]])
def test_a_pointer_that_went_astray_is_seen(newest_first: list[str]) -> None:
    sequences, published = {"forgotten": 0, "a": 1, "b": 2, "unpublished": 3}, {"a", "b"}
    require_forwards(shown_since(["b", "b", "a", "forgotten"], published), sequences, published)
    with pytest.raises(AssertionError):
        require_forwards(shown_since(newest_first, published), sequences, published)


def test_a_merge_that_is_killed_at_any_commit_is_finished_by_the_next_one(lake: LocalPipeline) -> None:
    change(lake)
    for commit, kill in COMMITS:
        arm(lake, target="AWSGlue.UpdateTable", match=commit, kill=kill)
    arm(lake, target="s3.PUT", match="/runs/", kill="before")
    fail(lake, "hourly")
    fail(lake, "hourly")
    assert lake.run("hourly")
    require_sound(lake)


def test_a_repair_and_a_rebuild_that_are_killed_at_their_commits_are_finished_by_the_next_try(
    lake: LocalPipeline,
) -> None:
    change(lake)
    tell_a_lie(lake)
    # The batch's own commit to the mirror, then the repair's, then the target's.
    arm_kills(lake, MIRROR, MIRROR, TARGET)
    fail(lake, "reconcile", {"repair": True})
    change(lake)
    # The mark that a rebuild has begun is in both mirrors, then the target is made anew.
    arm_kills(lake, LOOKUP_MIRROR, TARGET)
    assert lake.run("reconcile", {"rebuild": True})
    assert strikes_left(lake) == 0
    require_sound(lake)


def test_a_maintenance_that_is_killed_at_its_commits_is_finished_by_the_next_try(lake: LocalPipeline) -> None:
    lake.advance(DAY_S)
    arm_kills(lake, MIRROR, TARGET)
    assert lake.run("hourly"), "nothing was written since: its job only maintains"
    assert strikes_left(lake) == 0
    require_sound(lake)
