"""The plan's rules: an unbroken chain that nobody cuts, joins or shifts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.coverage import (
    TOMBSTONES_KEPT,
    Coverage,
    FullExport,
    PlanItem,
    finish,
    item_id,
    plan_bootstrap,
    plan_range,
    plan_through,
    purge_horizon,
    require_no_gap,
)
from include.dynamo_lake.errors import GapError, PlanError
from include.dynamo_lake.windows import MAX_WINDOW, MIN_WINDOW, Window

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAG = "campaign_bootstrap"


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def covered(hours: float, *plan: PlanItem, log: tuple[Window, ...] = ()) -> Coverage:
    return Coverage(at(hours), T0, plan, log)


def test_coverage_survives_being_written() -> None:
    coverage = covered(1, Window(at(1), at(2)), FullExport(at(3)), log=(Window(at(0), at(1)),))
    assert Coverage.from_json(coverage.to_json()) == coverage
    assert Coverage.from_json(Coverage().to_json()) == Coverage()


def test_coverage_of_another_version_is_refused() -> None:
    with pytest.raises(PlanError, match="version 2"):
        Coverage.from_json('{"version": 2}')


def test_a_scheduled_run_takes_the_hour_that_is_due() -> None:
    decision = plan_through(covered(1), at(2), bootstrap_dag=DAG)
    assert decision.items == (Window(at(1), at(2)),)
    assert decision.coverage.plan == decision.items


def test_thirty_hours_of_outage_are_two_windows() -> None:
    decision = plan_through(covered(0), at(30), bootstrap_dag=DAG)
    assert decision.items == (Window(at(0), at(24)), Window(at(24), at(30)))


def test_a_planned_window_is_never_cut_or_lengthened() -> None:
    failed = Window(at(0), at(0.5))
    assert plan_through(covered(0, failed), at(1), bootstrap_dag=DAG).items == (failed, Window(at(0.5), at(1)))


def test_less_than_fifteen_minutes_wait_for_the_next_run() -> None:
    assert plan_through(covered(0), at(0.2), bootstrap_dag=DAG).items == ()


@pytest.mark.parametrize("plan", [lambda: plan_through(Coverage(), at(1), bootstrap_dag=DAG)])
def test_before_the_first_bootstrap_runs_refuse_and_name_it(plan) -> None:
    with pytest.raises(PlanError, match=DAG):
        plan()
    with pytest.raises(PlanError, match=DAG):
        plan_range(Coverage(), at(0), at(1), now=at(2), bootstrap_dag=DAG)


def test_a_manual_range_extends_the_plan_and_replays_logged_windows_whole() -> None:
    log = (Window(at(0), at(1)), Window(at(1), at(2)), Window(at(2), at(3)))
    decision = plan_range(covered(3, log=log), at(1.5), at(4), now=at(5), bootstrap_dag=DAG)
    assert decision.items == (Window(at(3), at(4)),)
    assert decision.replayed == log[1:]


def test_a_manual_range_in_the_past_exports_nothing_new() -> None:
    log = (Window(at(0), at(3)),)
    decision = plan_range(covered(3, log=log), at(1), at(2), now=at(5), bootstrap_dag=DAG)
    assert (decision.items, decision.replayed) == ((), log)


def test_a_short_tail_is_lengthened_where_it_has_passed() -> None:
    decision = plan_range(covered(0), at(0), at(1.1), now=at(2), bootstrap_dag=DAG)
    assert decision.items == (Window(at(0), at(1.1)),), "a tail that joins a longer window needs no lengthening"
    short = plan_range(covered(0), at(0), at(0.1), now=at(2), bootstrap_dag=DAG)
    assert short.items == (Window(at(0), at(0.25)),)


def test_a_short_tail_in_the_future_says_from_when_it_can_be_taken() -> None:
    decision = plan_range(covered(0), at(0), at(0.1), now=at(0.2), bootstrap_dag=DAG)
    assert decision.items == ()
    assert "2026-03-01T00:15:00Z" in decision.notes[0]


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        (2, 1, "not before its end"),
        (1, 1, "not before its end"),
        (1, 9, "ends in the future"),
    ],
)
def test_a_range_that_cannot_be_taken_is_named(start: int, end: int, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        plan_range(covered(0), at(start), at(end), now=at(5), bootstrap_dag=DAG)


def test_what_no_window_of_a_range_holds_is_told_and_the_run_works_on_the_rest() -> None:
    logged = (Window(at(2), at(3)), Window(at(5), at(6)))
    known = replace(covered(7, Window(at(7), at(8)), log=logged), since=at(0))

    def told(start: float, end: float) -> tuple[tuple[Window, ...], list[str]]:
        decision = plan_range(known, at(start), at(end), now=at(9), bootstrap_dag=DAG)
        assert decision.items == decision.coverage.plan
        return decision.replayed, [note.split(" is not replayed: ")[0] for note in decision.notes]

    assert told(2.5, 3) == (logged[:1], [])
    assert told(-2, -1) == ((), [str(Window(at(-2), at(-1)))])
    assert told(3, 4) == ((), [str(Window(at(3), at(4)))])
    holes = (Window(at(1), at(2)), Window(at(3), at(5)), Window(at(6), at(7)))
    assert told(1, 9) == (logged, [str(hole) for hole in holes])
    assert told(7, 9) == ((), [])
    note = plan_range(known, at(-2), at(-1), now=at(9), bootstrap_dag=DAG).notes[0]
    assert "36 days" in note
    assert DAG in note


def test_a_planned_full_export_holds_all_that_a_range_before_it_asks_for() -> None:
    planned = plan_bootstrap(covered(3), now=at(5)).coverage
    decision = plan_range(planned, at(1), at(5), now=at(6), bootstrap_dag=DAG)
    assert (decision.items, decision.replayed, decision.notes) == ((FullExport(at(5)),), (), ())


def test_a_bootstrap_replaces_the_plan_and_never_lies_before_its_end() -> None:
    planned = covered(0, Window(at(0), at(2)))
    assert plan_bootstrap(planned, now=at(2)).coverage.plan == (FullExport(at(2)),)
    with pytest.raises(PlanError, match="already reaches"):
        plan_bootstrap(planned, now=at(1))


def test_the_first_bootstrap_says_since_when_there_is_a_lake() -> None:
    finished = finish(plan_bootstrap(Coverage(), now=at(3)).coverage, [FullExport(at(3))], now=at(4))
    assert (finished.covered_through, finished.since, finished.plan, finished.log) == (at(3), at(3), (), ())


def test_finish_takes_the_longest_prefix_that_was_applied() -> None:
    windows = tuple(Window(at(n), at(n + 1)) for n in range(3))
    coverage = covered(0, *windows)
    assert finish(coverage, windows[1:], now=at(4)) == coverage
    done = finish(coverage, [windows[0], windows[2]], now=at(4))
    assert (done.covered_through, done.plan, done.log) == (at(1), windows[1:], windows[:1])


def test_the_log_is_kept_as_long_as_tombstones() -> None:
    old = Window(at(0), at(1))
    coverage = Coverage(at(1), T0, (Window(at(1), at(2)),), (old,))
    assert finish(coverage, coverage.plan, now=at(1) + TOMBSTONES_KEPT).log == coverage.plan
    assert finish(coverage, coverage.plan, now=at(0.9) + TOMBSTONES_KEPT).log == (old, *coverage.plan)


def test_the_purge_horizon_is_older_than_pitr_and_never_passes_what_is_covered() -> None:
    assert purge_horizon(at(0) + TOMBSTONES_KEPT, at(5)) == at(0)
    assert purge_horizon(at(9) + TOMBSTONES_KEPT, at(5)) == at(5)
    assert timedelta(days=35) < TOMBSTONES_KEPT


def test_a_gap_names_source_and_remedy() -> None:
    coverage = covered(0, Window(at(0), at(1)))
    earliest = {"main": at(0), "lookup": at(0.5)}
    require_no_gap(coverage, {"main": at(0)}, lambda *_: False, bootstrap_dag=DAG)
    require_no_gap(coverage, earliest, lambda *_: True, bootstrap_dag=DAG)
    with pytest.raises(GapError, match=rf"source lookup.*{DAG}"):
        require_no_gap(coverage, earliest, lambda source, _: source == "main", bootstrap_dag=DAG)
    with pytest.raises(GapError, match="chain of windows ends"):
        require_no_gap(covered(0), earliest, lambda *_: True, bootstrap_dag=DAG)
    require_no_gap(Coverage(), earliest, lambda *_: False, bootstrap_dag=DAG)


def test_items_have_names_for_object_keys() -> None:
    assert item_id(Window(at(0), at(1))) == "window-20260301T000000Z-20260301T010000Z"
    assert item_id(FullExport(at(0))) == "full-20260301T000000Z"


_STEPS = st.lists(
    st.tuples(st.sampled_from(("scheduled", "manual", "bootstrap", "finish", "finish_late")), st.integers(1, 3000)),
    max_size=30,
)


@given(_STEPS)
def test_whatever_runs_do_the_chain_is_unbroken_and_coverage_never_moves_back(steps: list[tuple[str, int]]) -> None:
    coverage, now = finish(Coverage(plan=(FullExport(T0),)), [FullExport(T0)], now=T0), T0
    decided: list[tuple[PlanItem, ...]] = []
    for kind, minutes in steps:
        before = coverage
        now += timedelta(minutes=minutes)
        if kind == "scheduled":
            coverage = plan_through(coverage, now, bootstrap_dag=DAG).coverage
        elif kind == "manual":
            coverage = plan_range(coverage, now - timedelta(minutes=minutes), now, now=now, bootstrap_dag=DAG).coverage
        elif kind == "bootstrap":
            coverage = plan_bootstrap(coverage, now=now).coverage
        elif decided:
            coverage = finish(coverage, decided.pop(0 if kind == "finish_late" else -1), now=now)
        decided.append(coverage.plan)
        _require_chain(coverage)
        assert coverage.covered_through >= before.covered_through
        if kind in {"scheduled", "manual"}:
            assert coverage.plan[: len(before.plan)] == before.plan, "what is planned stays as it is"
        assert coverage.plan_end <= now


def _require_chain(coverage: Coverage) -> None:
    ends = [coverage.covered_through, *(item.end for item in coverage.plan)]
    for (previous, _), item in zip(pairwise(ends), coverage.plan, strict=True):
        if isinstance(item, FullExport):
            assert item.at >= previous
        else:
            assert item.start == previous
            assert MIN_WINDOW <= item.length <= MAX_WINDOW
