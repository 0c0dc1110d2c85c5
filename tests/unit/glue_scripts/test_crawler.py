"""The merge's wait for the output crawler: until it is READY, and no longer than its ceiling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest

from glue_scripts import merge_job
from glue_scripts.storage.crawler import CEILING_S, CrawlerBusyError, wait_until_ready


class Crawler:
    """Glue's answers about one crawler, the last one again and again."""

    def __init__(self, *states: str) -> None:
        self.left = list(states)

    def get_crawler(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        assert Name == "orders-output"
        state = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return {"Crawler": {"State": state}}


def pauses_until_ready(states: Iterable[str], poll_s: float = 10) -> list[float]:
    slept: list[float] = []
    wait_until_ready(Crawler(*states), "orders-output", poll_s=poll_s, sleep=slept.append)
    return slept


@pytest.mark.parametrize(
    ("states", "pauses"),
    [(["READY"], 0), (["RUNNING", "RUNNING", "READY"], 2), (["RUNNING", "STOPPING", "STOPPING", "READY"], 3)],
)
def test_it_waits_until_the_crawler_is_ready(states: list[str], pauses: int) -> None:
    assert pauses_until_ready(states) == [10] * pauses


@pytest.mark.parametrize("state", ["RUNNING", "STOPPING"])
def test_a_crawler_that_hangs_ends_the_wait_after_twenty_minutes_and_is_named(state: str) -> None:
    slept: list[float] = []
    with pytest.raises(CrawlerBusyError, match=f"orders-output is still {state} after 20 minutes.*stop the crawler"):
        wait_until_ready(Crawler(state), "orders-output", poll_s=10, sleep=slept.append)
    assert sum(slept) == CEILING_S == 1200


def test_a_crawler_that_is_ready_at_the_ceiling_is_not_too_late() -> None:
    assert sum(pauses_until_ready([*["RUNNING"] * 4, "READY"], poll_s=300)) == CEILING_S


class HalfMergedError(Exception):
    """The merge has got as far as its wait."""


@pytest.mark.parametrize(("named", "left"), [(["--output_crawler", "orders-output"], 1), ([], 3)])
def test_the_job_waits_for_the_crawler_that_its_arguments_name(
    monkeypatch: pytest.MonkeyPatch, named: list[str], left: int
) -> None:
    def run_merge(*_: Any, wait_for_crawler: Callable[[], None], **__: Any) -> None:
        wait_for_crawler()
        raise HalfMergedError

    crawler = Crawler("RUNNING", "RUNNING", "READY")
    monkeypatch.setattr(boto3, "client", {"glue": crawler}.__getitem__)
    monkeypatch.setenv("LAKE_POLL_S", "0")
    monkeypatch.setattr(merge_job, "run_merge", run_merge)
    for name in ("_read_manifest", "check_change_files", "_start_spark", "require_filled_mirrors"):
        monkeypatch.setattr(merge_job, name, MagicMock())
    arguments = ["--batch", "s3://b/m.json", "--batch_id", "one", "--pipeline", "campaign", "--bucket", "b"]
    with pytest.raises(HalfMergedError):
        merge_job.main([*arguments, *named])
    assert len(crawler.left) == left
