"""The plan's rules, with the real tasks: whatever runs do at once, in whatever order, and wherever they are killed or given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from lake_airflow import publishing
from lake_airflow.operators import crawl
from lake_airflow.operators.crawl import OutputCrawlOperator
from lake_airflow.steps import finish, plan

from include.dynamo_lake.coverage import Coverage, Decision, FullExport, PlanItem, plan_through
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.reference import merge_steps
from tests.plugins.simulation.rivals import (
    COMMITS,
    OPERATIONS,
    PIPELINE,
    Begin,
    GiveUp,
    Operation,
    Pass,
    Printed,
    Step,
    Write,
    play,
)


@settings(max_examples=100)
@given(OPERATIONS)
def test_rival_runs_killed_and_given_up_end_with_every_change_once(operations: list[Operation]) -> None:
    note(Printed(operations))
    play(operations)


@pytest.mark.deep
@settings(max_examples=1_000)
@given(OPERATIONS)
def test_many_rival_runs_end_with_every_change_once(operations: list[Operation]) -> None:
    note(Printed(operations))
    play(operations)


def finish_at_the_runs_own_end(patch: pytest.MonkeyPatch) -> None:
    def moved(coverage: Coverage, items: Sequence[PlanItem], *, now: datetime) -> Coverage:
        return replace(coverage, covered_through=items[-1].end, plan=()) if items else coverage

    patch.setattr(finish, "finish_coverage", moved)


def publish_whatever_was_verified(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(publishing, "_is_further", lambda *_: True)


def forget_what_is_planned(patch: pytest.MonkeyPatch) -> None:
    def anew(coverage: Coverage, until: datetime, *, bootstrap_dag: str) -> Decision:
        fulls = tuple(one for one in coverage.plan if isinstance(one, FullExport))
        return plan_through(replace(coverage, plan=fulls), until, bootstrap_dag=bootstrap_dag)

    patch.setattr(plan, "plan_through", anew)


def crawl_at_any_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OutputCrawlOperator, "_require_harmless", lambda operator: None)


def crawl_within_merges(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(crawl, "is_job_taken", lambda glue, job_name: False)


A_CRAWL_WITHIN_A_MERGE: list[Operation] = [
    Step(1, "announce"),
    GiveUp(0),
    Write(1, 2, is_told=False),
    Pass(60),
    Begin("hourly"),
    Step(1, "publish.finish"),
    Write(2, 1, is_told=True),
    Begin("on_change"),
    Step(1, "merge.glue_job", strike="a rival's task within its merge"),
    Step(2, "announce"),
]


def test_no_crawl_starts_between_a_merges_wait_for_the_crawler_and_its_commit() -> None:
    play(A_CRAWL_WITHIN_A_MERGE)


def test_a_crawl_within_a_merge_would_show_readers_what_no_check_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    crawl_within_merges(monkeypatch)
    with pytest.raises(AssertionError, match="which no check has passed"):
        play(A_CRAWL_WITHIN_A_MERGE)


def test_a_failure_is_printed_as_a_test_that_fails_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    the_law = test_rival_runs_killed_and_given_up_end_with_every_change_once.hypothesis.inner_test
    search = settings(phases=(Phase.generate,), database=None)(given(st.just(A_CRAWL_WITHIN_A_MERGE))(the_law))
    with monkeypatch.context() as patch:
        crawl_within_merges(patch)
        with pytest.raises(AssertionError, match="which no check has passed") as caught:
            search()
    names: dict[str, Any] = {}
    exec(next(printed for printed in caught.value.__notes__ if "def test_these_rivals" in printed), names)
    names["test_these_rivals"]()
    crawl_within_merges(monkeypatch)
    with pytest.raises(AssertionError, match="which no check has passed"):
        names["test_these_rivals"]()


@pytest.mark.deep
@pytest.mark.parametrize(
    "break_rule",
    [finish_at_the_runs_own_end, publish_whatever_was_verified, forget_what_is_planned, crawl_at_any_time],
)
def test_a_rule_left_out_is_found(monkeypatch: pytest.MonkeyPatch, break_rule: Callable[..., None]) -> None:
    break_rule(monkeypatch)

    @settings(max_examples=600, phases=(Phase.generate,), derandomize=True, database=None)
    @given(OPERATIONS)
    def search(operations: list[Operation]) -> None:
        play(operations)

    with pytest.raises(AssertionError):
        search()


def test_the_steps_that_a_merge_may_crash_before_are_all_its_steps() -> None:
    assert merge_steps(read_declaration(PIPELINE)) == COMMITS
