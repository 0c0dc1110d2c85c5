"""One bootstrap DAG per declaration: reads the tables whole, once, or again to repair a gap."""

from __future__ import annotations

from airflow.sdk import DAG
from lake_airflow.docs import bootstrap_doc
from lake_airflow.flow import FlowBuilder
from lake_airflow.pipelines import read_lakes
from lake_airflow.policy import RUN_CEILING, START_DATE, Tag, build_default_args, dag_tags
from lake_airflow.settings import read_common_settings

common = read_common_settings()

for lake in read_lakes():
    with DAG(
        dag_id=lake.names.dag_id("bootstrap"),
        description=f"Full export of the tables into {lake.readers}",
        doc_md=bootstrap_doc(lake.pipeline),
        schedule=None,
        start_date=START_DATE,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_CEILING,
        default_args=build_default_args(lake.pipeline, common),
        tags=dag_tags(lake.pipeline, Tag.BOOTSTRAP),
    ) as dag:
        FlowBuilder(lake, common).build("bootstrap")
    globals()[dag.dag_id] = dag
