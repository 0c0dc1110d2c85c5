"""One reconcile DAG per declaration: compares the mirrors with the tables, and on request repairs or rebuilds what readers see."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from lake_airflow.docs import reconcile_doc
from lake_airflow.flow import FlowBuilder, reconcile_params
from lake_airflow.pipelines import read_lakes
from lake_airflow.policy import RUN_CEILING, Tag, build_default_args, dag_tags
from lake_airflow.settings import read_common_settings

LATE = timedelta(hours=1)

common = read_common_settings()

for lake in read_lakes():
    cron = lake.pipeline.schedule.reconcile
    with DAG(
        dag_id=lake.names.dag_id("reconcile"),
        description=f"Whole comparison of the lake behind {lake.readers} with its tables",
        doc_md=reconcile_doc(lake.pipeline),
        # It looks at its own present, not at an interval. With a start date Airflow would start a run, at the price of full exports,
        # as soon as the DAG is switched on; without one the first waits for its time, and may be late by what is given here.
        schedule=CronTriggerTimetable(cron, timezone="UTC", run_immediately=LATE) if cron else None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_CEILING,
        default_args=build_default_args(lake.pipeline, common, tells_failures=True),
        params=reconcile_params(),
        tags=dag_tags(lake.pipeline, Tag.RECONCILE),
    ) as dag:
        FlowBuilder(lake, common).build("reconcile")
    globals()[dag.dag_id] = dag
