"""One on-change DAG per declaration that hears its streams: what has just changed in DynamoDB becomes rows in Athena."""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable
from lake_airflow.docs import on_change_doc
from lake_airflow.flow import FlowBuilder
from lake_airflow.pipelines import read_lakes
from lake_airflow.policy import RUN_CEILING, START_DATE, Tag, build_default_args, dag_tags
from lake_airflow.settings import read_common_settings
from lake_airflow.wake_ups import build_wake_up_asset

common = read_common_settings()

for lake in read_lakes():
    schedule = lake.pipeline.schedule
    if schedule.mode == "hourly":
        continue
    wake_up = build_wake_up_asset(lake)
    # Without an hourly DAG nobody else would take what a lost message called for.
    sweep = AssetOrTimeSchedule(timetable=CronTriggerTimetable(schedule.cron, timezone="UTC"), assets=[wake_up])
    with DAG(
        dag_id=lake.names.dag_id("on_change"),
        description=f"Changes into {lake.readers} as they happen",
        doc_md=on_change_doc(lake.pipeline),
        schedule=[wake_up] if schedule.mode == "both" else sweep,
        start_date=START_DATE,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_CEILING,
        default_args=build_default_args(lake.pipeline, common, tells_failures=True),
        tags=dag_tags(lake.pipeline, Tag.ON_CHANGE),
    ) as dag:
        FlowBuilder(lake, common).build_on_change(wake_up)
    globals()[dag.dag_id] = dag
