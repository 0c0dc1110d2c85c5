"""Every link opens what its task started: its URL is made of what a run of the real tasks pushed."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from lake_airflow.links import LINKS, DifferencesLink, ExportLink, LakeLink
from lake_airflow.pipelines import read_lake
from lake_airflow.steps.announce import event_key
from lake_airflow.steps.differences import tell_differences

from include.dynamo_lake.names import report_key
from tests.histories.images import MAIN_KEYS
from tests.plugins.batches import report_of
from tests.plugins.fakes import REGION, FakeClients, context_of
from tests.plugins.simulation.lakes import item, lakeside
from tests.plugins.simulation.runs import SimulatedRun
from tests.plugins.test_differences import FOUND

CONSOLE = f"https://console.aws.amazon.com/{{service}}?region={REGION}"


def urls(link: LakeLink, xcoms: Mapping[tuple[str, str], Any]) -> list[str]:
    return [link.format_link(**value) for (_, key), value in xcoms.items() if key == link.key]


def console(service: str, place: str) -> str:
    return CONSOLE.format(service=service) + place


def test_the_links_of_a_run_open_the_run_the_crawlers_the_query_the_snapshot_and_the_event(pipeline: str) -> None:
    with lakeside(pipeline) as made:
        made.world.write(MAIN_KEYS[0], item("t1"))
        run = SimulatedRun(made.world, "bootstrap")
        run.finish()
        lake = made.world.lake
        batch_id = run.xcoms["merge.build_batch", "batch"]["batch_id"]
        job_run = made.world.glue.runs[0]["Id"]
        snapshot = f"warehouse/{lake.target}/metadata/1.json"
    shown = {link.name: urls(link, run.xcoms) for link in LINKS if link.name != DifferencesLink.name}
    assert shown["Glue job run"] == [console("gluestudio/home", f"#/job/{lake.settings.merge_job}/run/{job_run}")]
    crawlers = {*(lake.crawler(source.id) for source in lake.sources), lake.settings.output_crawler}
    assert set(shown["Crawler"]) == {
        console("glue/home", f"#/v2/data-catalog/crawlers/view/{crawler}") for crawler in crawlers
    }
    queries = range(1, len(lake.pipeline.checks.run) + 1)
    assert shown["Athena query"] == [console("athena/home", f"#/query-editor/history/q{number}") for number in queries]
    stored = f"s3/object/{lake.bucket}"
    assert shown["Iceberg snapshot"] == [console(stored, f"&prefix={snapshot}")]
    assert shown["Run report"] == [console(stored, f"&prefix={event_key(batch_id)}")]
    assert [url.partition("#export-details?arn=")[0] for url in shown[ExportLink.name]] == [
        console("dynamodbv2/home", "") for _ in lake.sources
    ]


def test_the_link_of_a_comparison_opens_the_folder_of_all_differences(clients: FakeClients, pipeline: str) -> None:
    lake = read_lake(pipeline)
    clients.s3.objects[report_key("b1")] = report_of("b1", reconciled=FOUND)
    dag = SimpleNamespace(dag_id=lake.names.dag_id("reconcile"))
    context = {**context_of(batch={"batch_id": "b1"}), "dag": dag, "run_id": "r"}
    tell_differences(pipeline, context)
    assert urls(DifferencesLink(), context["ti"].xcoms) == [
        console(f"s3/buckets/{lake.bucket}", f"&prefix={FOUND.differences}")
    ]
