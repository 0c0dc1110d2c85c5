"""One hourly DAG per declaration: what changed in DynamoDB since the lake's last window becomes rows in Athena."""

from __future__ import annotations

from airflow.sdk import DAG, CronDataIntervalTimetable
from lake_airflow.docs import hourly_doc
from lake_airflow.flow import FlowBuilder, range_params
from lake_airflow.pipelines import read_lakes
from lake_airflow.policy import RUN_CEILING, START_DATE, Tag, build_default_args, dag_tags
from lake_airflow.settings import read_common_settings

common = read_common_settings()

for lake in read_lakes():
    if lake.pipeline.schedule.mode == "on_change":
        continue
    with DAG(
        dag_id=lake.names.dag_id("hourly"),
        description=f"Changes of the last hour into {lake.readers}",
        doc_md=hourly_doc(lake.pipeline),
        schedule=CronDataIntervalTimetable(lake.pipeline.schedule.cron, timezone="UTC"),
        start_date=START_DATE,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_CEILING,
        default_args=build_default_args(lake.pipeline, common),
        params=range_params(),
        tags=dag_tags(lake.pipeline, Tag.HOURLY),
    ) as dag:
        FlowBuilder(lake, common).build("hourly")
    globals()[dag.dag_id] = dag
