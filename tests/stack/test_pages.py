"""Airflow's pages in a real browser, as a stranger walks through them: what the pipeline did, how fresh the table is, what to do next."""

from __future__ import annotations

import re
from typing import Any

import pytest

from include.laptop.stack.browser import NoBrowserError, find_browser, install_driver, look
from tests.stack.running import (
    BOOTSTRAP,
    HOURLY,
    ON_CHANGE,
    PIPELINE,
    RECONCILE,
    Stack,
    keep_clear_of_the_full_hour,
)
from tests.stack.test_runs import HOUR_S, write_a_new_item

pytestmark = pytest.mark.deep

TABLE, WAKE_UP = "campaign_analytics.user_campaign_tasks", "campaign_wake_up"
CONSOLE = "https://console.aws.amazon.com/"
EXPORT, GLUE_JOB, CHECK = "capture.export/mapped/0", "merge.glue_job", "verify.row_key_unique"


@pytest.fixture(scope="module")
def found(stack: Stack) -> dict[str, Any]:
    """What one walk found, after an hourly run of its own: a scheduled one may come when nothing is due yet, and tells nothing."""
    try:
        find_browser()
        install_driver()
    except NoBrowserError as reason:
        pytest.skip(str(reason))
    keep_clear_of_the_full_hour()
    write_a_new_item(stack, "walked by")
    stack.ask_local_aws("clock", {"advance": HOUR_S})
    run_id, state = stack.run(HOURLY)
    assert (state, stack.failed_tasks(HOURLY, run_id)) == ("success", [])
    return look(stack.api.url, PIPELINE)


def test_the_last_run_is_green_and_its_log_says_what_it_did(stack: Stack, found: dict[str, Any]) -> None:
    newest = stack.api.runs(HOURLY)[0]["dag_run_id"]
    assert re.search(rf"{re.escape(newest)}\s+Success", found["last_run"]), found["last_run"]
    assert re.search(rf"{re.escape(TABLE)} is complete through \S+Z; ", found["last_words"])


def test_the_graph_shows_the_groups_and_each_says_what_it_is_for(found: dict[str, Any]) -> None:
    assert "plan" in found["graph"]
    assert list(found["tooltips"]) == ["capture", "merge", "verify", "publish"]
    assert "one Glue job run" in found["tooltips"]["merge"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bootstrap", "Run it once before all others"),
        ("hourly", f"First run, or a gap: run {BOOTSTRAP}"),
        ("on_change", f"POST /api/v2/dags/{ON_CHANGE}/dagRuns"),
        ("reconcile", "Repair puts right what differs"),
    ],
)
def test_every_dag_says_what_it_does_and_when_to_run_it(found: dict[str, Any], kind: str, words: str) -> None:
    text = " ".join(found["docs"][kind].split())
    assert words in text
    assert "Campaign progress by task" in text
    assert not re.search(r"\*\*|###|`", text), "Markdown that the page did not render"


def test_the_asset_says_how_fresh_the_table_is(stack: Stack, found: dict[str, Any]) -> None:
    assert stack.announced()[0]["complete_through"] in found["freshness"]


def test_the_asset_graph_shows_who_makes_the_table_and_what_wakes_the_on_change_runs(found: dict[str, Any]) -> None:
    lines = {tuple(line) for line in found["asset_graph"]}
    assert {(dag_id, TABLE) for dag_id in (BOOTSTRAP, HOURLY, ON_CHANGE, RECONCILE)} <= lines
    assert (WAKE_UP, ON_CHANGE) in lines


def test_every_link_leads_to_what_its_task_started(stack: Stack, found: dict[str, Any]) -> None:
    links = found["started"]["links"]
    assert all(url.startswith(CONSOLE) for shown in links.values() for url in shown.values())
    export_arn = links[EXPORT]["Export"].rpartition("arn=")[2]
    export = stack.client("dynamodb").describe_export(ExportArn=export_arn)["ExportDescription"]
    assert export["ExportStatus"] == "COMPLETED"
    glue = stack.client("glue")
    crawler = links["capture.crawl_main"]["Crawler"].rpartition("/")[2]
    assert glue.get_crawler(Name=crawler)["Crawler"]["LastCrawl"]["Status"] == "SUCCEEDED"
    job, _, run = links[GLUE_JOB]["Glue job run"].rpartition("#/job/")[2].partition("/run/")
    assert glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"] == "SUCCEEDED"
    query = links[CHECK]["Athena query"].rpartition("/")[2]
    assert stack.client("athena").get_query_execution(QueryExecutionId=query)["QueryExecution"]["Query"]
    for task, name in (("publish.snapshot", "Iceberg snapshot"), ("publish.announce", "Run report")):
        bucket, key = re.findall(r"/s3/object/([^?]+)\?.*prefix=(.+)", links[task][name])[0]
        assert stack.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0


def test_rendered_templates_say_what_each_task_worked_on(found: dict[str, Any]) -> None:
    fields = found["started"]["templates"]
    assert not [value for shown in fields.values() for value in shown.values() if "{{" in value]
    assert '"kind": "full"' in fields[EXPORT]["item"]
    assert re.search(r"\d{8}T\d{6}Z-[0-9a-f]{12}", fields[GLUE_JOB]["batch_id"])
    assert "manifest.json" in fields[GLUE_JOB]["arguments"]
    assert "FOR VERSION AS OF" in fields[CHECK]["sql"]


def test_the_forms_offer_a_range_and_a_repair(found: dict[str, Any]) -> None:
    for words in ("Run Parameters", "Start", "End"):
        assert words in found["trigger_form"]
    for words in ("Repair", "Rebuild"):
        assert words in found["reconcile_form"]
