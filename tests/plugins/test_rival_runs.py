"""The plan's rules, with the real tasks: whatever runs do at once, in whatever order, and wherever they are killed or given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import Phase, given, note, settings
from lake_airflow import publishing
from lake_airflow.operators.crawl import OutputCrawlOperator
from lake_airflow.steps import finish, plan

from include.dynamo_lake.coverage import Coverage, Decision, FullExport, PlanItem, plan_through
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.reference import merge_steps
from tests.plugins.simulation.rivals import COMMITS, OPERATIONS, PIPELINE, Operation, Printed, play


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
    patch.setattr(publishing, "_is_further", lambda candidate, present: True)


def forget_what_is_planned(patch: pytest.MonkeyPatch) -> None:
    def anew(coverage: Coverage, until: datetime, *, bootstrap_dag: str) -> Decision:
        fulls = tuple(one for one in coverage.plan if isinstance(one, FullExport))
        return plan_through(replace(coverage, plan=fulls), until, bootstrap_dag=bootstrap_dag)

    patch.setattr(plan, "plan_through", anew)


def crawl_at_any_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OutputCrawlOperator, "_require_published_head", lambda operator: None)


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
