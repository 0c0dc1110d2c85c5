"""What every DAG promises: rules that hold for all of them, params, and the graph as the flow is drawn."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    TriggerRule,
)
from airflow.serialization.serialized_objects import DagSerialization
from lake_airflow import pipelines
from lake_airflow.flow import FlowBuilder
from lake_airflow.pipelines import Lake, read_lake
from lake_airflow.policy import (
    CRAWL_CEILING,
    EXPORT_CEILING,
    MERGE_MARGIN,
    QUERY_CEILING,
    RETRIES,
    RUN_CEILING,
    SLOT_CEILING,
    STEP_CEILING,
    Tag,
)
from lake_airflow.run_log import tell_failure
from lake_airflow.settings import CommonSettings, PipelineSettings

from include.deploy.environments import _BOUNDS
from include.dynamo_lake.declaration import parse_declaration, pipeline_names, read_declaration
from include.dynamo_lake.errors import GapError, TransientError
from tests.airflow_environment import ROOT

BAG = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
DAGS = [BAG.dags[dag_id] for dag_id in sorted(BAG.dags)]
TASKS = [(dag, task) for dag in DAGS for task in dag.tasks]
every_dag = pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.dag_id)
every_task = pytest.mark.parametrize(("dag", "task"), TASKS, ids=lambda one: getattr(one, "task_id", ""))


def settled(task: Any, name: str) -> Any:
    """An argument of a task, mapped or not."""
    return task.partial_kwargs.get(name) if hasattr(task, "partial_kwargs") else getattr(task, name)


def test_every_declaration_has_the_dags_of_its_mode() -> None:
    assert BAG.import_errors == {}
    for name in pipeline_names():
        mode = read_declaration(name).schedule.mode
        assert {f"{name}_bootstrap", f"{name}_reconcile"} <= set(BAG.dags)
        assert (f"{name}_hourly" in BAG.dags) == (mode in {"hourly", "both"})
        assert (f"{name}_on_change" in BAG.dags) == (mode in {"on_change", "both"})


@every_dag
def test_a_dag_says_what_it_is(dag: Any) -> None:
    assert len(dag.dag_id) <= 50
    assert dag.doc_md
    assert dag.description
    assert {tag for tag in dag.tags if not tag.startswith("pipeline:")} <= {tag.value for tag in Tag}
    (pipeline,) = (tag.removeprefix("pipeline:") for tag in dag.tags if tag.startswith("pipeline:"))
    assert dag.dag_id.startswith(f"{pipeline}_")
    assert dag.owner == read_declaration(pipeline).owner


@every_dag
def test_a_dag_never_catches_up_and_runs_once_at_a_time(dag: Any) -> None:
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dag.dagrun_timeout == RUN_CEILING


@every_task
def test_a_task_has_documentation_an_owner_and_ends(dag: Any, task: Any) -> None:
    assert settled(task, "doc_md")
    assert settled(task, "owner") == dag.owner
    assert timedelta(0) < settled(task, "execution_timeout") < RUN_CEILING


@every_task
def test_a_task_retries_what_a_retry_can_help(dag: Any, task: Any) -> None:
    policy = settled(task, "retry_policy")
    assert (settled(task, "retries"), settled(task, "retry_exponential_backoff")) == (RETRIES, 2.0)
    assert isinstance(policy, ExceptionRetryPolicy)
    assert policy.evaluate(GapError("gap"), 1, 3).action is RetryAction.FAIL
    assert policy.evaluate(TransientError("later"), 1, 3).action is RetryAction.DEFAULT
    assert policy.evaluate(OSError("unknown"), 1, 3).action is RetryAction.DEFAULT


@every_task
def test_a_task_takes_no_pool_and_waits_for_no_past_run(dag: Any, task: Any) -> None:
    assert settled(task, "pool") in {None, "default_pool"}
    assert not settled(task, "depends_on_past")
    assert not settled(task, "wait_for_downstream")


@every_task
def test_a_sensor_gives_its_slot_back_and_has_a_ceiling(dag: Any, task: Any) -> None:
    if hasattr(task, "poke_interval"):
        assert (task.mode, task.poke_interval) == ("reschedule", 1)
        assert task.timeout == CRAWL_CEILING.total_seconds()


def test_the_ceilings_of_all_waits_of_a_run_fit_into_it() -> None:
    longest_merge = timedelta(minutes=_BOUNDS["merge_timeout_minutes"][1]) + MERGE_MARGIN
    waits = EXPORT_CEILING + SLOT_CEILING + longest_merge + CRAWL_CEILING * 2 + QUERY_CEILING
    assert waits + 10 * STEP_CEILING < RUN_CEILING


@every_task
def test_no_template_reads_the_data_interval_or_the_logical_date(dag: Any, task: Any) -> None:
    texts = [str(settled(task, field)) for field in task.template_fields if field not in {"python_callable"}]
    for word in ("logical_date", "data_interval", "{{ ds", "{{ ts", "prev_", "execution_date"):
        assert not any(word in text for text in texts)


def hourly() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_hourly"]


def bootstrap() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_bootstrap"]


def on_change() -> Any:
    return BAG.dags[f"{pipeline_names()[0]}_on_change"]


def test_the_hourly_dag_has_data_intervals_and_the_bootstrap_no_schedule() -> None:
    assert isinstance(hourly().timetable, CronDataIntervalTimetable)
    assert bootstrap().schedule is None


def test_a_range_is_typed_and_optional() -> None:
    params = hourly().params
    assert params.dump() == {"start": None, "end": None}
    for name in ("start", "end"):
        schema = params.get_param(name).schema
        assert (schema["type"], schema["format"]) == (["null", "string"], "date-time")
        assert schema["title"]
        params.get_param(name).resolve("2026-11-24T02:00:00Z")
    assert bootstrap().params.dump() == {}


def applying_flow() -> dict[str, list[str]]:
    """What all runs have in common: each task with what follows it, from the batch to finish."""
    checks = [f"verify.{check}" for check in ("counts", *read_declaration(pipeline_names()[0]).checks.run)]
    return {
        "merge.build_batch": ["merge.glue_job", "publish.finish"],
        "merge.glue_job": checks,
        **{check: ["publish.snapshot"] for check in checks},
        "publish.snapshot": ["publish.finish"],
    }


def graph_of(dag: Any) -> dict[str, list[str]]:
    return {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}


def test_a_reconciliation_is_weekly_as_declared_and_compares_unless_asked_for_more() -> None:
    reconcile = BAG.dags[f"{pipeline_names()[0]}_reconcile"]
    assert isinstance(reconcile.timetable, CronTriggerTimetable)
    assert reconcile.params.dump() == {"repair": False, "rebuild": False}
    schemas = [reconcile.params.get_param(name).schema for name in ("repair", "rebuild")]
    assert all(schema["type"] == "boolean" and schema["title"] for schema in schemas)


@pytest.mark.parametrize(
    ("switched_on", "first"),
    [
        ("2026-11-27T16:23:00Z", "2026-11-29T04:30:00Z"),
        ("2026-11-29T04:31:00Z", "2026-11-29T04:30:00Z"),
    ],
)
def test_a_reconciliation_that_is_switched_on_waits_for_its_time(
    monkeypatch: pytest.MonkeyPatch, switched_on: str, first: str
) -> None:
    """A full export of every table is not what somebody expects who switches a DAG on."""
    reconcile = DagSerialization.from_dict(DagSerialization.to_dict(BAG.dags["campaign_reconcile"]))
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: datetime.fromisoformat(switched_on))
    assert reconcile.next_dagrun_info(last_automated_run_info=None).run_after == datetime.fromisoformat(first)


def test_the_graph_is_the_flow_as_it_is_drawn() -> None:
    sources = ["main", "lookup"] if read_declaration(pipeline_names()[0]).lookup else ["main"]
    flow: dict[str, list[str]] = {
        "plan": [*(f"capture.crawl_{source}" for source in sources), "capture.export"],
        **{f"capture.crawl_{source}": [f"capture.wait_crawl_{source}"] for source in sources},
        **{f"capture.wait_crawl_{source}": ["capture.check_contract"] for source in sources},
        "capture.export": ["capture.check_contract"],
        "capture.check_contract": ["merge.build_batch"],
        **applying_flow(),
        "publish.finish": ["publish.crawl_output"],
        "publish.crawl_output": ["publish.wait_crawl_output"],
        "publish.wait_crawl_output": ["publish.announce", "publish.assert_pointer"],
        "publish.assert_pointer": ["publish.announce"],
        "publish.announce": [],
    }
    expected = {task_id: sorted(below) for task_id, below in flow.items()}
    compared = sorted([*expected["merge.glue_job"], "differences"])
    reconcile = BAG.dags[f"{pipeline_names()[0]}_reconcile"]
    assert graph_of(reconcile) == {**expected, "merge.glue_job": compared, "differences": []}
    for dag in (hourly(), bootstrap()):
        assert graph_of(dag) == expected


def test_an_on_change_run_is_the_same_flow_without_exports_and_crawls() -> None:
    flow: dict[str, list[str]] = {
        "plan": ["merge.build_batch"],
        **applying_flow(),
        "publish.finish": ["publish.announce", "publish.run_again"],
        "publish.announce": [],
        "publish.run_again": [],
    }
    assert graph_of(on_change()) == {task_id: sorted(below) for task_id, below in flow.items()}
    hourly_tasks = {task.task_id: task for task in hourly().tasks}
    for task in on_change().tasks:
        if task.task_id in applying_flow():
            assert type(task) is type(hourly_tasks[task.task_id])
            assert settled(task, "trigger_rule") == settled(hourly_tasks[task.task_id], "trigger_rule")


def test_a_watcher_on_the_queue_of_wake_up_calls_starts_on_change_runs() -> None:
    (asset,) = on_change().timetable.asset_condition.objects
    (watcher,) = asset.watchers
    kind, arguments = watcher.trigger.serialize()
    assert kind == "lake_airflow.triggers.wake_up.WakeUpTrigger"
    settings = read_lake(pipeline_names()[0]).settings
    assert (arguments["sqs_queue"], arguments["aws_conn_id"]) == (settings.wake_up_queue_url, settings.aws_conn_id)
    assert on_change().get_task("publish.run_again").outlets == [asset]


def test_without_an_hourly_dag_the_inbox_is_looked_into_by_the_clock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = read_declaration(pipeline_names()[0])
    alone = replace(declared, schedule=replace(declared.schedule, mode="on_change"))
    monkeypatch.setattr(pipelines, "read_declaration", lambda name: alone)
    bag = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    assert bag.import_errors == {}
    assert hourly().dag_id not in bag.dags
    stored = DagSerialization.to_dict(bag.dags[on_change().dag_id])["dag"]["timetable"]
    assert stored["__type"].endswith("AssetOrTimeSchedule")
    assert declared.schedule.cron in json.dumps(stored)


def test_one_run_takes_no_more_than_the_declared_part_of_the_inbox() -> None:
    bounds = {
        dag.dag_id: dag.get_task("merge.build_batch").op_kwargs["max_inbox_bytes"] for dag in (hourly(), on_change())
    }
    declared = read_declaration(pipeline_names()[0]).inbox.max_run_mib
    assert list(bounds.values()) == [None, declared * 1024 * 1024]


def test_a_skipped_crawl_or_merge_does_not_hold_up_what_follows() -> None:
    going_on = {"capture.check_contract", "publish.finish", "publish.announce"}
    rules = {task.task_id: settled(task, "trigger_rule") for task in hourly().tasks}
    assert {task_id for task_id, rule in rules.items() if rule == TriggerRule.NONE_FAILED} == going_on
    others = {rule for task_id, rule in rules.items() if task_id not in {*going_on, "publish.assert_pointer"}}
    assert others == {TriggerRule.ALL_SUCCESS}


def test_a_failed_output_crawl_fails_the_run_and_readers_are_put_back_nevertheless() -> None:
    assert settled(hourly().get_task("publish.assert_pointer"), "trigger_rule") == TriggerRule.ALL_DONE
    last = hourly().get_task("publish.announce")
    assert last.upstream_task_ids == {"publish.wait_crawl_output", "publish.assert_pointer"}
    assert settled(last, "trigger_rule") == TriggerRule.NONE_FAILED


def test_a_failed_crawl_of_a_source_does_not_hold_rows_up() -> None:
    soft = {task.task_id for task in hourly().tasks if getattr(task, "soft_fail", False)}
    crawls = {"capture.crawl_main", "capture.crawl_lookup"}
    assert soft == {*crawls, "capture.wait_crawl_main", "capture.wait_crawl_lookup"}


@every_task
def test_failures_that_no_freshness_tells_are_told_by_themselves(dag: DAG, task: Any) -> None:
    callbacks = settled(task, "on_failure_callback") or []
    assert [one.func for one in callbacks] == [tell_failure] * dag.dag_id.endswith(("_on_change", "_reconcile"))


def test_groups_have_tooltips_and_the_branch_has_labels() -> None:
    groups = hourly().task_group.children
    assert {name for name in groups if name != "plan"} == {"capture", "merge", "verify", "publish"}
    assert all(groups[name].tooltip for name in groups if name != "plan")
    labels = hourly().edge_info["merge.build_batch"]
    assert labels["publish.finish"]["label"] == "nothing to do"
    assert labels["merge.glue_job"]["label"] == "statements to apply"


def test_what_starts_something_in_aws_links_to_it() -> None:
    links = {task.task_id: [link.name for link in task.operator_extra_links] for task in hourly().tasks}
    assert links["capture.export"] == ["Export"]
    assert links["merge.glue_job"] == ["Glue job run"]
    assert links["capture.crawl_main"] == links["publish.wait_crawl_output"] == ["Crawler"]
    assert links["publish.snapshot"] == ["Iceberg snapshot"]
    assert links["publish.announce"] == ["Run report"]
    assert all(
        links[f"verify.{check}"] == ["Athena query"] for check in read_declaration(pipeline_names()[0]).checks.run
    )


def test_the_asset_is_the_table_that_readers_query() -> None:
    (asset,) = hourly().get_task("publish.announce").outlets
    pipeline = read_declaration(pipeline_names()[0])
    assert asset.name == f"{pipeline.name}_analytics.{pipeline.target.table}"
    assert asset.uri.startswith("s3://")
    assert bootstrap().get_task("publish.announce").outlets == [asset]


def test_a_pipeline_without_a_lookup_crawls_and_checks_its_one_table() -> None:
    declared = (ROOT / "tests/pipelines/readings.toml").read_bytes()
    settings = PipelineSettings(**dict.fromkeys((field.name for field in fields(PipelineSettings)), "x"))
    lake = Lake(parse_declaration("readings", declared, "readings.toml"), settings)
    with DAG("readings_hourly", schedule=None) as dag:
        FlowBuilder(lake, CommonSettings(1, timedelta(seconds=1))).build("hourly")
    crawls = [task_id for task_id in dag.task_ids if "crawl" in task_id]
    assert sorted(crawls) == [
        "capture.crawl_main",
        "capture.wait_crawl_main",
        "publish.crawl_output",
        "publish.wait_crawl_output",
    ]
    assert dag.get_task("capture.check_contract").upstream_task_ids == {"capture.wait_crawl_main", "capture.export"}
