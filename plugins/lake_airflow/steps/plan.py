"""Plan: decide what a run works on, and keep the decision before anything is started."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from airflow.sdk.configuration import conf

from include.dynamo_lake.coverage import (
    Coverage,
    Decision,
    PlanItem,
    item_to_json,
    plan_bootstrap,
    plan_range,
    plan_reconciliation,
    plan_through,
    require_no_gap,
)
from include.dynamo_lake.errors import PlanError
from include.dynamo_lake.manifests import Action
from include.dynamo_lake.windows import Window, floor_second, format_instant, parse_instant
from lake_airflow.exports import has_export
from lake_airflow.lake_state import commit_coverage
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.sources import SourceState, present, read_source_states
from lake_airflow.versions import require_one_version
from lake_airflow.xcoms import PLAN_KEY

log = logging.getLogger(__name__)

Kind = Literal["hourly", "bootstrap", "reconcile"]


@dataclass(frozen=True)
class Request:
    """What a run asks for: up to an instant, a range, or (neither) all that the sources can give; and what it does with it."""

    until: datetime | None = None
    range: tuple[datetime, datetime] | None = None
    action: Action = "merge"


def plan(pipeline: str, kind: Kind, **context: Any) -> list[dict[str, Any]]:
    """Extend the plan for this run and return one export per planned item and source; the whole decision goes to XCom ``plan``.

    Raises:
        MixedVersionsError, SourceError, PlanError, GapError: before anything is started, naming the value and the remedy.
    """
    lake = read_lake(pipeline)
    require_one_version(lake, Path(context["dag"].fileloc).parent)
    if kind != "hourly":
        _refuse_range(lake, context["params"])
    request = (
        build_reconcile_request(context["params"])
        if kind == "reconcile"
        else build_request(context["dag_run"], context["params"])
    )
    decision, now = decide(lake, kind, request)
    for note in decision.notes:
        log.warning(note)
    context["ti"].xcom_push(key=PLAN_KEY, value=_plan_to_json(decision, now, request.action))
    items = (*decision.items, *decision.replayed)
    log.info("Works on: %s", ", ".join(str(item) for item in items) or "nothing")
    if decision.compared is not None:
        log.info("Compares the mirrors with the %s", decision.compared)
    exported = dict.fromkeys((*items, *((decision.compared,) if decision.compared else ())))
    return [_export_arguments(lake, source.id, item) for item in exported for source in lake.sources]


def build_request(dag_run: Any, params: Mapping[str, Any]) -> Request:
    """Read what a run asks for: params first, then its kind.

    Raises:
        PlanError: a param is not an instant, or only one of the two is given.
    """
    start, end = (_read_param(name, params.get(name)) for name in ("start", "end"))
    if (start is None) != (end is None):
        given, missing = ("start", "end") if end is None else ("end", "start")
        raise PlanError(
            f"Only {given} is given: a manual range needs {missing} too; leave both empty to take what is due"
        )
    if start is not None and end is not None:
        return Request(range=(start, end))
    kind = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    if kind == "backfill":
        return Request(range=(floor_second(dag_run.data_interval_start), floor_second(dag_run.data_interval_end)))
    if kind == "scheduled" and dag_run.data_interval_end is not None:
        return Request(until=floor_second(dag_run.data_interval_end))
    return Request()


def build_reconcile_request(params: Mapping[str, Any]) -> Request:
    """Read what a reconciliation is asked for: its present is its own, whatever started it."""
    repair, rebuild = bool(params.get("repair")), bool(params.get("rebuild"))
    actions: dict[tuple[bool, bool], Action] = {
        (False, False): "compare",
        (True, False): "repair",
        (False, True): "rebuild",
        (True, True): "repair_and_rebuild",
    }
    return Request(action=actions[repair, rebuild])


def decide(lake: Lake, kind: Kind, request: Request) -> tuple[Decision, datetime]:
    """Decide by the plan's rules and keep the coverage with a conditional put; a lost race is decided anew, the present too."""
    decided: list[tuple[Decision, datetime, tuple[SourceState, ...]]] = []

    def change(coverage: Coverage) -> Coverage:
        states = read_source_states(lake)
        now = present(states)
        decision = _apply_rules(lake, kind, request, coverage, states, now)
        decided.append((decision, now, states))
        return decision.coverage

    commit_coverage(lake.clients.s3, lake.bucket, change)
    decision, now, states = decided[-1]
    return _without_lost_replays(lake, decision, states), now


def _apply_rules(
    lake: Lake, kind: Kind, request: Request, coverage: Coverage, states: tuple[SourceState, ...], now: datetime
) -> Decision:
    if kind == "bootstrap":
        return plan_bootstrap(coverage, now=now)
    if request.range is not None:
        start, end = request.range
        decision = plan_range(coverage, start, end, now=now, bootstrap_dag=lake.bootstrap_dag)
        _require_mappable(len(lake.sources) * (len(decision.items) + len(decision.replayed)))
    else:
        until = min(request.until or min(state.latest for state in states), now)
        extend = plan_through if request.action in {"merge", "rebuild"} else plan_reconciliation
        decision = extend(coverage, until, bootstrap_dag=lake.bootstrap_dag)
    earliest = {state.source: state.earliest for state in states}
    require_no_gap(
        coverage, earliest, lambda source, item: _has_export(lake, source, item), bootstrap_dag=lake.bootstrap_dag
    )
    return decision


def _require_mappable(exports: int) -> None:
    """Refuse a range, before its plan is kept, that has more exports than Airflow maps one task to."""
    most = conf.getint("core", "max_map_length", fallback=1024)
    if exports > most:
        raise PlanError(
            f"The range and what is due need {exports} exports, and Airflow maps {most} at most (core.max_map_length): "
            "give the range in parts, one run each"
        )


def _without_lost_replays(lake: Lake, decision: Decision, states: tuple[SourceState, ...]) -> Decision:
    """Leave out logged windows that no export holds and point-in-time recovery no longer reaches; a note names each."""
    lost = tuple(window for window in decision.replayed if _is_lost(lake, window, states))
    notes = tuple(f"{window} is not replayed: its export is gone and outside point-in-time recovery" for window in lost)
    replayed = tuple(window for window in decision.replayed if window not in lost)
    return replace(decision, replayed=replayed, notes=(*decision.notes, *notes))


def _is_lost(lake: Lake, window: Window, states: tuple[SourceState, ...]) -> bool:
    return any(state.earliest > window.start and not _has_export(lake, state.source, window) for state in states)


def _has_export(lake: Lake, source: str, item: PlanItem) -> bool:
    return has_export(lake.clients.s3, lake.clients.dynamodb, lake.bucket, source, item, lake.table_arn(source))


def _export_arguments(lake: Lake, source: str, item: PlanItem) -> dict[str, Any]:
    return {"source": source, "table_arn": lake.table_arn(source), "item": item_to_json(item)}


def _plan_to_json(decision: Decision, now: datetime, action: Action) -> dict[str, Any]:
    covered = decision.coverage.covered_through
    return {
        "now": format_instant(now),
        "nonce": uuid4().hex,
        "covered_through": format_instant(covered) if covered else None,
        "items": [item_to_json(item) for item in decision.items],
        "replayed": [item_to_json(window) for window in decision.replayed],
        "notes": list(decision.notes),
        "action": action,
        "compared": item_to_json(decision.compared) if decision.compared else None,
    }


def _refuse_range(lake: Lake, params: Mapping[str, Any]) -> None:
    """A range that is not taken must not look as if it were."""
    if params.get("start") or params.get("end"):
        raise PlanError(
            f"start and end are given, which only {lake.names.dag_id('hourly')} takes, where the pipeline has one: this DAG always "
            "looks at the present; leave them out"
        )


def _read_param(name: str, value: Any) -> datetime | None:
    if value in {None, ""}:
        return None
    try:
        return parse_instant(str(value))
    except ValueError as error:
        raise PlanError(f"Param {name}: {error}") from error
