"""What every DAG and every task promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction
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

from include.deploy.environments import _BOUNDS
from include.dynamo_lake.declaration import pipeline_names, read_declaration
from include.dynamo_lake.errors import GapError, TransientError
from tests.dags.bag import BAG, settled

DAGS = [BAG.dags[dag_id] for dag_id in sorted(BAG.dags)]
TASKS = [(dag, task) for dag in DAGS for task in dag.tasks]
every_dag = pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.dag_id)
every_task = pytest.mark.parametrize(("dag", "task"), TASKS, ids=lambda one: getattr(one, "task_id", ""))


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


@every_task
def test_failures_that_no_freshness_tells_are_told_by_themselves(dag: DAG, task: Any) -> None:
    callbacks = settled(task, "on_failure_callback") or []
    assert [one.func for one in callbacks] == [tell_failure] * dag.dag_id.endswith(("_on_change", "_reconcile"))
