"""What a run asks for, what is decided, and what is refused before anything is started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lake_airflow.errors import SourceError
from lake_airflow.lake_state import read_coverage
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.steps.plan import Request, build_reconcile_request, build_request, decide, plan

from include.dynamo_lake.coverage import Coverage, FullExport, PlanItem
from include.dynamo_lake.errors import GapError, PlanError
from include.dynamo_lake.manifests import export_prefix
from include.dynamo_lake.names import COVERAGE_KEY
from include.dynamo_lake.windows import Window
from tests.plugins.fakes import NOW, FakeClients, FakeTaskInstance

DAG = SimpleNamespace(fileloc=__file__)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, 24, hour, minute, second, tzinfo=UTC)


def dag_run(kind: str = "manual", start: datetime | None = None, end: datetime | None = None) -> Any:
    return SimpleNamespace(run_type=kind, data_interval_start=start, data_interval_end=end)


@pytest.fixture
def lake(clients: FakeClients, pipeline: str) -> Lake:
    lake = read_lake(pipeline)
    for source in lake.sources:
        restorable(clients, lake.table_name(source.id), earliest=at(0), latest=NOW)
    return lake


def restorable(clients: FakeClients, table: str, *, earliest: datetime, latest: datetime) -> None:
    clients.dynamodb.recovery[table] = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": earliest,
        "LatestRestorableDateTime": latest,
    }


def put_exports(clients: FakeClients, lake: Lake, item: PlanItem) -> list[str]:
    """A finished export of the item for every source; their manifests' keys."""
    folders = [f"{export_prefix(source.id, item)}AWSDynamoDB/0001/" for source in lake.sources]
    keys = [f"{folder}manifest-{part}.json" for folder in folders for part in ("summary", "files")]
    clients.s3.objects |= dict.fromkeys(keys, b"{}")
    return keys


def cover(clients: FakeClients, coverage: Coverage) -> None:
    clients.s3.objects[COVERAGE_KEY] = coverage.to_json().encode()


def test_a_scheduled_run_asks_for_all_up_to_its_intervals_end() -> None:
    run = dag_run("scheduled", at(1), at(2))
    assert build_request(run, {"start": None, "end": None}) == Request(until=at(2))


def test_a_backfill_run_asks_for_its_interval_as_a_range() -> None:
    assert build_request(dag_run("backfill", at(1), at(2)), {}) == Request(range=(at(1), at(2)))


def test_params_are_a_range_whatever_the_kind_of_run() -> None:
    params = {"start": "2026-11-24T01:00:00.000Z", "end": "2026-11-24T03:00:00+01:00"}
    assert build_request(dag_run("scheduled", at(3), at(4)), params) == Request(range=(at(1), at(2)))


@pytest.mark.parametrize("kind", ["manual", "asset_triggered"])
def test_a_run_without_interval_and_params_takes_what_the_sources_can_give(kind: str) -> None:
    assert build_request(dag_run(kind), {"start": None, "end": ""}) == Request()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"start": "2026-11-24T01:00:00Z", "end": None}, "needs end too"),
        ({"start": None, "end": "2026-11-24T01:00:00Z"}, "needs start too"),
        ({"start": "yesterday", "end": "2026-11-24T01:00:00Z"}, "Param start.*yesterday"),
        ({"start": "2026-11-24T00:00:00Z", "end": "2026-11-24T01:00:00"}, "Param end.*no time zone"),
    ],
)
def test_params_that_are_no_range_are_refused(params: dict[str, str | None], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build_request(dag_run(), params)


def test_the_plan_is_extended_and_kept_before_anything_is_started(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    decision, now = decide(lake, "hourly", Request(until=at(2)))
    assert decision.items == (Window(at(1), at(2)),)
    assert read_coverage(clients.s3, lake.bucket) == decision.coverage
    assert now == NOW


def test_a_scheduled_interval_that_ends_after_awss_present_ends_there(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    decision, _ = decide(lake, "hourly", Request(until=at(9)))
    assert decision.items == (Window(at(1), NOW),)


def test_without_an_interval_the_slowest_source_says_how_far(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    restorable(clients, lake.table_name(lake.sources[-1].id), earliest=at(0), latest=at(1, 55))
    decision, _ = decide(lake, "hourly", Request())
    assert decision.items == (Window(at(1), at(1, 55)),)


def test_a_bootstrap_plans_a_full_export_at_awss_present(clients: FakeClients, lake: Lake) -> None:
    decision, _ = decide(lake, "bootstrap", Request())
    assert decision.items == (FullExport(NOW),)


@pytest.mark.parametrize(
    ("repair", "rebuild", "action"),
    [
        (False, False, "compare"),
        (True, False, "repair"),
        (False, True, "rebuild"),
        (True, True, "repair_and_rebuild"),
    ],
)
def test_the_params_of_a_reconciliation_say_what_it_does(repair: bool, rebuild: bool, action: str) -> None:
    assert build_reconcile_request({"repair": repair, "rebuild": rebuild}).action == action


def test_a_reconciliation_takes_what_is_due_and_compares_at_its_end(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    decision, _ = decide(lake, "reconcile", Request(action="compare"))
    assert (decision.items, decision.compared) == ((Window(at(1), NOW),), FullExport(NOW))
    assert read_coverage(clients.s3, lake.bucket).plan == (Window(at(1), NOW),), "the full export is not of the plan"


def test_a_mere_rebuild_exports_nothing_whole(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    decision, _ = decide(lake, "reconcile", Request(action="rebuild"))
    assert (decision.items, decision.compared) == ((Window(at(1), NOW),), None)


def test_a_reconciliation_right_after_a_bootstrap_takes_its_exports(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(plan=(FullExport(NOW),)))
    context = {"dag": DAG, "dag_run": dag_run(), "params": {"repair": True, "rebuild": False}, "ti": FakeTaskInstance()}
    exports = plan(lake.pipeline.name, "reconcile", **context)
    assert [export["source"] for export in exports] == [source.id for source in lake.sources]
    told = context["ti"].xcoms["me", "plan"]
    assert (told["action"], told["compared"]) == ("repair", told["items"][0])


def test_a_lost_race_is_decided_anew_the_present_too(clients: FakeClients, lake: Lake) -> None:
    rival = Coverage(covered_through=at(1, 30), since=at(0))
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    clients.s3.before_put.append(lambda: cover(clients, rival))
    decision, _ = decide(lake, "hourly", Request(until=at(2)))
    assert decision.items == (Window(at(1, 30), at(2)),)


def test_before_the_bootstrap_runs_refuse_and_name_it(clients: FakeClients, lake: Lake) -> None:
    with pytest.raises(PlanError, match=f"run {lake.bootstrap_dag}"):
        decide(lake, "hourly", Request())
    assert clients.s3.objects == {}


def test_a_range_into_the_future_names_both_instants(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    with pytest.raises(PlanError, match="2026-11-24T03:00:00Z is after AWS's present 2026-11-24T02:00:03Z"):
        decide(lake, "hourly", Request(range=(at(1), at(3))))


def test_every_table_that_cannot_be_exported_is_named_with_its_remedy(clients: FakeClients, lake: Lake) -> None:
    main, lookup = (lake.table_name(source.id) for source in lake.sources)
    del clients.dynamodb.recovery[main]
    clients.dynamodb.recovery[lookup] = {"PointInTimeRecoveryStatus": "DISABLED"}
    with pytest.raises(SourceError) as caught:
        decide(lake, "bootstrap", Request())
    assert f"Table {main} of source {lake.sources[0].id} does not exist: create it" in str(caught.value)
    assert f"update-continuous-backups --table-name {lookup}" in str(caught.value)
    assert clients.s3.objects == {}


def test_a_gap_stops_an_hourly_run_but_no_bootstrap(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(0, 30), since=at(0)))
    for source in lake.sources:
        restorable(clients, lake.table_name(source.id), earliest=at(1), latest=NOW)
    with pytest.raises(GapError, match=lake.bootstrap_dag):
        decide(lake, "hourly", Request())
    assert decide(lake, "bootstrap", Request())[0].items == (FullExport(NOW),)


def test_a_fraction_of_a_second_before_recovery_begins_is_a_gap(clients: FakeClients, lake: Lake) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    restorable(clients, lake.table_name(lake.sources[0].id), earliest=at(1) + timedelta(milliseconds=1), latest=NOW)
    with pytest.raises(GapError):
        decide(lake, "hourly", Request())


def test_windows_that_were_exported_are_taken_after_recovery_has_left_them(clients: FakeClients, lake: Lake) -> None:
    planned = Window(at(1), at(2))
    cover(clients, Coverage(covered_through=at(1), since=at(0), plan=(planned,)))
    for source in lake.sources:
        restorable(clients, lake.table_name(source.id), earliest=at(2), latest=NOW)
    manifests = put_exports(clients, lake, planned)
    assert decide(lake, "hourly", Request())[0].items == (planned,)
    for manifest in manifests:
        content = clients.s3.objects.pop(manifest)
        with pytest.raises(GapError, match="was never exported"):
            decide(lake, "hourly", Request())
        clients.s3.objects[manifest] = content


def test_logged_windows_whose_exports_are_kept_are_replayed_after_recovery_has_left_them(
    clients: FakeClients, lake: Lake
) -> None:
    logged = Window(at(0), at(1))
    cover(clients, Coverage(covered_through=at(2), since=at(0), log=(logged, Window(at(1), at(2)))))
    for source in lake.sources:
        restorable(clients, lake.table_name(source.id), earliest=at(1), latest=NOW)
    manifests = put_exports(clients, lake, logged)
    decision, _ = decide(lake, "hourly", Request(range=(at(0), at(1))))
    assert (decision.replayed, decision.notes) == ((logged,), ())
    for manifest in manifests:
        content = clients.s3.objects.pop(manifest)
        decision, _ = decide(lake, "hourly", Request(range=(at(0), at(1))))
        assert (decision.replayed, len(decision.notes)) == ((), 1)
        clients.s3.objects[manifest] = content


def test_a_manual_range_replays_what_it_overlaps_and_reports_what_is_lost(clients: FakeClients, lake: Lake) -> None:
    log = (Window(at(0), at(1)), Window(at(1), at(2)))
    cover(clients, Coverage(covered_through=at(2), since=at(0), log=log))
    restorable(clients, lake.table_name(lake.sources[0].id), earliest=at(0, 30), latest=NOW)
    decision, _ = decide(lake, "hourly", Request(range=(at(0), at(2))))
    assert decision.replayed == (Window(at(1), at(2)),)
    assert decision.notes == (f"{log[0]} is not replayed: its export is gone and outside point-in-time recovery",)


def test_a_range_of_more_exports_than_airflow_maps_is_refused_before_its_plan_is_kept(
    clients: FakeClients, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tuple(Window(at(0, 15 * n), at(0, 15 * n) + timedelta(minutes=15)) for n in range(4))
    cover(clients, Coverage(covered_through=at(1), since=at(0), log=log))
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", str(5 * len(lake.sources) - 1))
    with pytest.raises(PlanError, match=f"need {5 * len(lake.sources)} exports.*in parts"):
        decide(lake, "hourly", Request(range=(at(0), at(2))))
    assert read_coverage(clients.s3, lake.bucket).plan == ()
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", str(5 * len(lake.sources)))
    assert len(decide(lake, "hourly", Request(range=(at(0), at(2))))[0].replayed) == 4


def test_the_task_returns_an_export_for_each_item_and_source_and_tells_the_rest(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    told = FakeTaskInstance()
    exports = plan(pipeline, "hourly", dag_run=dag_run("scheduled", at(1), at(2)), params={}, ti=told, dag=DAG)
    item = {"kind": "window", "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T02:00:00Z"}
    assert exports == [{"source": s.id, "table_arn": lake.table_arn(s.id), "item": item} for s in lake.sources]
    kept = told.xcoms["me", "plan"]
    assert (kept["now"], kept["items"], kept["covered_through"]) == (
        "2026-11-24T02:00:03Z",
        [item],
        "2026-11-24T01:00:00Z",
    )


def test_a_cleared_run_gets_another_nonce(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    cover(clients, Coverage(covered_through=at(1), since=at(0)))
    nonces = set()
    for _ in range(2):
        told = FakeTaskInstance()
        plan(pipeline, "hourly", dag_run=dag_run("scheduled", at(1), at(2)), params={}, ti=told, dag=DAG)
        nonces.add(told.xcoms["me", "plan"]["nonce"])
    assert len(nonces) == 2


@pytest.mark.parametrize("kind", ["bootstrap", "reconcile"])
def test_a_dag_that_takes_no_range_refuses_one(clients: FakeClients, lake: Lake, pipeline: str, kind: Any) -> None:
    context = {"dag": DAG, "dag_run": dag_run(), "params": {"start": "2026-11-24T00:00:00Z"}, "ti": FakeTaskInstance()}
    with pytest.raises(PlanError, match=f"only {pipeline}_hourly takes"):
        plan(pipeline, kind, **context)
    assert COVERAGE_KEY not in clients.s3.objects
