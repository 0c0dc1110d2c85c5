"""The merge job is killed around its commits: readers keep what was verified, and a later try finishes it.

One lake in order: every kill finds what the one before it left.
"""

from __future__ import annotations

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.soundness import (
    LOOKUP_MIRROR,
    MIRROR,
    QUARANTINE,
    TARGET,
    arm,
    change,
    require_sound,
    strikes_left,
)
from tests.readers_pointer import require_forwards

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# Around every commit of a merge: (what stands in the request that makes it, when its run is killed). Before a commit is after the last.
COMMITS = (
    (MIRROR, "before"),
    (MIRROR, "after"),
    (LOOKUP_MIRROR, "after"),
    (QUARANTINE, "after"),
    (TARGET, "after"),
)


def fail(lake: LocalPipeline, kind: str) -> None:
    """Run a DAG whose job is killed in every try."""
    left, before = strikes_left(lake), lake.shown_rows()
    assert not lake.run(kind)
    assert strikes_left(lake) == left - 3
    assert lake.shown_rows() == before, "readers keep what was verified"


@pytest.mark.parametrize("newest_first", [["a", "b", "a"], ["unpublished", "a"]])
def test_a_pointer_that_went_astray_is_seen(newest_first: list[str]) -> None:
    sequences = {"a": 1, "b": 2, "unpublished": 3}
    require_forwards(["b", "b", "a"], sequences, {"a", "b"})
    with pytest.raises(AssertionError):
        require_forwards(newest_first, sequences, {"a", "b"})


def test_a_merge_that_is_killed_at_any_commit_is_finished_by_the_next_one(lake: LocalPipeline) -> None:
    change(lake)
    for commit, kill in COMMITS:
        arm(lake, target="AWSGlue.UpdateTable", match=commit, kill=kill)
    arm(lake, target="s3.PUT", match="/runs/", kill="before")
    fail(lake, "hourly")
    fail(lake, "hourly")
    assert lake.run("hourly")
    require_sound(lake)
