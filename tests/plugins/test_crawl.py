"""Crawlers: when one is due, when the output crawler may start, and what its sensor says."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from botocore.exceptions import ClientError
from lake_airflow.errors import CrawlFailedError
from lake_airflow.links import CrawlerLink
from lake_airflow.operators.crawl import CrawlOperator, CrawlSensor, OutputCrawlOperator

from include.dynamo_lake.names import PUBLISHED_KEY
from include.dynamo_lake.published import Published
from tests.plugins.fakes import NOW, FakeClients, context_of, refusal


def crawler(clients: FakeClients, state: str = "READY", **last: Any) -> None:
    clients.glue.crawlers["c"] = {"Name": "c", "State": state, **({"LastCrawl": last} if last else {})}


def crawl(policy: Any = "daily") -> str:
    return CrawlOperator(task_id="crawl", crawler_name="c", policy=policy).execute(context_of())


def test_the_first_crawl_is_always_due(clients: FakeClients) -> None:
    crawler(clients)
    assert crawl() == "c"
    assert clients.glue.calls == ["crawl c"]


@pytest.mark.parametrize(
    ("status", "ago"), [("SUCCEEDED", timedelta(hours=3)), ("FAILED", timedelta(hours=1)), ("CANCELLED", timedelta(0))]
)
def test_a_crawl_is_due_on_a_new_day_and_after_a_failed_one(clients: FakeClients, status: str, ago: timedelta) -> None:
    crawler(clients, Status=status, StartTime=NOW - ago)
    assert crawl() == "c"


def test_a_daily_crawler_that_ran_today_is_skipped(clients: FakeClients) -> None:
    crawler(clients, Status="SUCCEEDED", StartTime=NOW - timedelta(hours=2))
    context = context_of()
    with pytest.raises(AirflowSkipException, match="has run today"):
        CrawlOperator(task_id="crawl", crawler_name="c", policy="daily").execute(context)
    assert clients.glue.calls == []
    (pushed,) = (value for (_, key), value in context["ti"].xcoms.items() if key == CrawlerLink.key)
    assert pushed["crawler_name"] == "c"


def test_every_run_means_every_run(clients: FakeClients) -> None:
    crawler(clients, Status="SUCCEEDED", StartTime=NOW)
    assert crawl("every_run") == "c"


def test_a_crawl_that_runs_already_counts_as_started(clients: FakeClients) -> None:
    crawler(clients, state="RUNNING")
    assert crawl() == "c"


def lake_head(clients: FakeClients, snapshot_id: int) -> None:
    location = f"s3://b/{snapshot_id}.json"
    content = {"current-snapshot-id": snapshot_id, "snapshots": [{"snapshot-id": snapshot_id}]}
    clients.s3.objects[f"{snapshot_id}.json"] = json.dumps(content).encode()
    clients.glue.put_table("lake", {"Name": "t", "Parameters": {"metadata_location": location}})


def crawl_output() -> str:
    task = OutputCrawlOperator(
        task_id="crawl",
        crawler_name="c",
        policy="daily",
        merge_job="merge",
        bucket="b",
        lake_database="lake",
        table="t",
    )
    return task.execute(context_of())


@pytest.fixture
def published(clients: FakeClients) -> None:
    crawler(clients)
    record = Published(5, "s3://b/5.json", 5, 5, "u", "batch", "2026-11-24T02:00:00Z")
    clients.s3.objects[PUBLISHED_KEY] = record.to_json().encode()
    lake_head(clients, 5)


@pytest.mark.usefixtures("published")
def test_the_output_crawler_starts_where_the_head_is_published(clients: FakeClients) -> None:
    assert crawl_output() == "c"


@pytest.mark.usefixtures("published")
def test_it_does_not_start_where_another_run_has_committed(clients: FakeClients) -> None:
    lake_head(clients, 6)
    with pytest.raises(AirflowSkipException, match="not published"):
        crawl_output()
    assert clients.glue.calls == []


@pytest.mark.usefixtures("published")
def test_a_crawl_is_stopped_where_another_run_committed_while_it_started(clients: FakeClients) -> None:
    clients.glue.after_start_crawler.append(lambda: lake_head(clients, 6))
    with pytest.raises(AirflowSkipException):
        crawl_output()
    assert clients.glue.calls == ["crawl c", "stop c"]


def run_of_the_job(clients: FakeClients, state: str) -> None:
    clients.glue.runs.insert(0, {"Id": "jr", "JobRunState": state})


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING", "STOPPING"])
def test_it_does_not_start_during_a_merge_that_may_commit_before_the_crawl_looks(
    clients: FakeClients, state: str
) -> None:
    run_of_the_job(clients, "SUCCEEDED")
    run_of_the_job(clients, state)
    with pytest.raises(AirflowSkipException, match="run of job merge is under way"):
        crawl_output()
    assert clients.glue.calls == []


@pytest.mark.usefixtures("published")
def test_a_crawl_is_stopped_where_a_merge_began_while_it_started(clients: FakeClients) -> None:
    clients.glue.after_start_crawler.append(lambda: run_of_the_job(clients, "RUNNING"))
    with pytest.raises(AirflowSkipException):
        crawl_output()
    assert clients.glue.calls == ["crawl c", "stop c"]


@pytest.mark.usefixtures("published")
def test_merges_that_have_ended_do_not_hold_a_crawl_back(clients: FakeClients) -> None:
    for state in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"):
        run_of_the_job(clients, state)
    assert crawl_output() == "c"


def poke() -> bool:
    return CrawlSensor(task_id="wait", crawler_name="c", start_task="capture.crawl_main").poke(context_of())


@pytest.mark.parametrize("state", ["RUNNING", "STOPPING"])
def test_the_sensor_waits_while_the_crawler_works(clients: FakeClients, state: str) -> None:
    crawler(clients, state=state, Status="SUCCEEDED")
    assert not poke()


def test_the_sensor_ends_when_the_crawl_succeeded(clients: FakeClients) -> None:
    crawler(clients, Status="SUCCEEDED")
    assert poke()


def test_a_failed_crawl_may_be_skipped_with_its_words(clients: FakeClients) -> None:
    crawler(clients, Status="FAILED", ErrorMessage="Internal service exception")
    sensor = CrawlSensor(task_id="wait", crawler_name="c", start_task="crawl", soft_fail=True)
    with pytest.raises(AirflowSkipException, match="Internal service exception"):
        sensor.poke(context_of())


@pytest.mark.parametrize("code", ["EntityNotFoundException", "AccessDeniedException"])
def test_a_soft_crawl_whose_crawler_glue_refuses_is_skipped_with_a_warning(
    clients: FakeClients, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: Any) -> None:
        raise refusal(code)

    crawler(clients)
    soft = {"crawler_name": "c", "soft_fail": True}
    monkeypatch.setattr(clients.glue, "start_crawler", refuse)
    with pytest.raises(AirflowSkipException, match=f"{code}.*make deploy"):
        CrawlOperator(task_id="crawl", **soft).execute(context_of())
    monkeypatch.setattr(clients.glue, "get_crawler", refuse)
    with pytest.raises(AirflowSkipException, match=f"{code}.*make deploy"):
        CrawlOperator(task_id="crawl", **soft).execute(context_of())
    with pytest.raises(AirflowSkipException, match=f"{code}.*make deploy"):
        CrawlSensor(task_id="wait", start_task="crawl", **soft).poke(context_of())
    with pytest.raises(ClientError):
        crawl()


def test_a_crawl_that_another_run_stopped_is_skipped(clients: FakeClients) -> None:
    crawler(clients, Status="CANCELLED")
    with pytest.raises(AirflowSkipException, match="A later run crawls"):
        poke()


def test_a_failed_crawl_is_told_with_its_words_and_the_task_to_clear(clients: FakeClients) -> None:
    crawler(
        clients,
        Status="FAILED",
        ErrorMessage="Access denied to the table",
        LogGroup="/aws-glue/crawlers",
        LogStream="c",
    )
    with pytest.raises(CrawlFailedError, match=r"Access denied to the table.*clear capture.crawl_main") as caught:
        poke()
    assert not caught.value.retryable
