"""The graph is the flow as it is drawn, and each task follows, skips, links and tells as the flow says."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule
from lake_airflow.flow import FlowBuilder
from lake_airflow.pipelines import Lake
from lake_airflow.settings import CommonSettings, PipelineSettings

from include.dynamo_lake.declaration import parse_declaration, pipeline_names, read_declaration
from tests.airflow_environment import ROOT
from tests.dags.bag import bootstrap, hourly, on_change, reconcile, settled


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
    assert graph_of(reconcile()) == {**expected, "merge.glue_job": compared, "differences": []}
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
