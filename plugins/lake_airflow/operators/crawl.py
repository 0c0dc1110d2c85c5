"""Crawlers: start one that is due and go on; a sensor waits for it. The output crawler starts only where it can do no harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NoReturn

from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk.exceptions import AirflowSkipException
from botocore.exceptions import ClientError

from lake_airflow.aws import Clients, error_code, present_of
from lake_airflow.errors import CrawlFailedError
from lake_airflow.iceberg import read_head
from lake_airflow.job_runs import is_job_taken
from lake_airflow.lake_state import read_published
from lake_airflow.links import CrawlerLink

CrawlPolicy = Literal["daily", "every_run"]


class CrawlOperator(BaseOperator):
    """Start a crawler and return its name at once; a crawl that is already running counts as started.

    ``policy`` daily: skipped where the crawler's last crawl succeeded on this UTC day (AWS's). Its first crawl is always due.
    ``soft_fail``: where Glue refuses to show or start the crawler, warn and skip.
    """

    template_fields: Sequence[str] = ("crawler_name",)
    operator_extra_links = (CrawlerLink(),)

    def __init__(
        self,
        *,
        crawler_name: str,
        policy: CrawlPolicy = "every_run",
        soft_fail: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.crawler_name = crawler_name
        self.policy = policy
        self.soft_fail = soft_fail
        self.aws_conn_id = aws_conn_id

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.aws_conn_id)

    def execute(self, context: Any) -> str:
        # First: where nothing is due the link leads to the crawl that was.
        CrawlerLink.push(context, self.clients.glue.meta.region_name, crawler_name=self.crawler_name)
        try:
            self._start_if_due()
        except ClientError as error:
            if not self.soft_fail:
                raise
            _skip(self, _refusal(self.crawler_name, error))
        return self.crawler_name

    def _start_if_due(self) -> None:
        answer = self.clients.glue.get_crawler(Name=self.crawler_name)
        if self.policy == "daily" and crawled_on_day_of(answer["Crawler"], present_of(answer)):
            raise AirflowSkipException(
                f"Crawler {self.crawler_name} has run today, and the declaration says crawl.policy = daily"
            )
        self.start()

    def start(self) -> None:
        """Start the crawler, or take part in a crawl that runs."""
        try:
            self.clients.glue.start_crawler(Name=self.crawler_name)
        except ClientError as error:
            if error_code(error) != "CrawlerRunningException":
                raise
            self.log.info("Crawler %s is running already", self.crawler_name)


class OutputCrawlOperator(CrawlOperator):
    """Start the output crawler only while no merge is under way and the lake's head is the published snapshot: a crawl shows
    readers the newest one.

    Looks again after the start, and stops the crawl where a merge has begun or committed meanwhile (skipped: a later run
    crawls). A merge that begins after that finds the crawler running, and waits for it before it commits.
    """

    def __init__(self, *, merge_job: str, bucket: str, lake_database: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.merge_job = merge_job
        self.bucket = bucket
        self.lake_database = lake_database
        self.table = table

    def start(self) -> None:
        self._require_harmless()
        super().start()
        try:
            self._require_harmless()
        except AirflowSkipException:
            self._stop()
            raise

    def _require_harmless(self) -> None:
        # The job before the head: a merge that ends in between has moved the head by then.
        if is_job_taken(self.clients.glue, self.merge_job):
            raise AirflowSkipException(
                f"A run of job {self.merge_job} is under way: a crawl would show readers what it commits. A later run crawls"
            )
        head = read_head(self.clients.glue, self.clients.s3, self.lake_database, self.table)
        published = read_published(self.clients.s3, self.bucket)
        if head is None or published is None or head.head_id != published.snapshot_id:
            raise AirflowSkipException(
                f"The head of {self.lake_database}.{self.table} is not published: a crawl would show it to readers. "
                "The run that publishes it crawls"
            )

    def _stop(self) -> None:
        try:
            self.clients.glue.stop_crawler(Name=self.crawler_name)
        except ClientError as error:
            if error_code(error) not in {"CrawlerNotRunningException", "CrawlerStoppingException"}:
                raise


class CrawlSensor(BaseSensorOperator):
    """Wait until a crawler is ready again, and fail with its own words where its crawl failed.

    A crawl that was stopped is skipped: a later run crawls. ``soft_fail``: whatever goes wrong, warn and skip.
    """

    template_fields: Sequence[str] = ("crawler_name",)
    operator_extra_links = (CrawlerLink(),)

    def __init__(self, *, crawler_name: str, start_task: str, aws_conn_id: str = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawler_name = crawler_name
        self.start_task = start_task
        self.aws_conn_id = aws_conn_id

    def poke(self, context: Any) -> bool:
        glue = Clients(self.aws_conn_id).glue
        try:
            crawler = glue.get_crawler(Name=self.crawler_name)["Crawler"]
        except ClientError as error:
            if not self.soft_fail:
                raise
            _skip(self, _refusal(self.crawler_name, error))
        CrawlerLink.push(context, glue.meta.region_name, crawler_name=self.crawler_name)
        if crawler["State"] != "READY":
            self.log.info("Crawler %s is %s", self.crawler_name, crawler["State"])
            return False
        self._require_crawled(crawler.get("LastCrawl", {}))
        return True

    def _require_crawled(self, last: Mapping[str, Any]) -> None:
        status = last.get("Status", "unknown")
        if status == "SUCCEEDED":
            return
        if status == "CANCELLED":
            _skip(self, f"The crawl of {self.crawler_name} was stopped, by another run or by hand. A later run crawls")
        problem = (
            f"The last crawl of {self.crawler_name} ended as {status}: "
            f"{last.get('ErrorMessage', 'Glue gives no reason')} (log {last.get('LogGroup', '/aws-glue/crawlers')}, stream "
            f"{last.get('LogStream', self.crawler_name)}). Mend that, then clear {self.start_task}"
        )
        if not self.soft_fail:
            raise CrawlFailedError(problem)
        _skip(self, problem)


def _skip(task: BaseOperator, problem: str) -> NoReturn:
    task.log.warning(problem)
    raise AirflowSkipException(problem)


def _refusal(crawler_name: str, error: ClientError) -> str:
    return (
        f"Glue refuses crawler {crawler_name}: {error}. Make the crawler anew, or give the right back "
        "(a pipeline's own: make deploy)"
    )


def crawled_on_day_of(crawler: Mapping[str, Any], now: datetime) -> bool:
    """Whether the crawler's last crawl succeeded on the UTC day of ``now``."""
    last = crawler.get("LastCrawl", {})
    started: datetime | None = last.get("StartTime")
    return (
        last.get("Status") == "SUCCEEDED"
        and started is not None
        and started.astimezone(now.tzinfo).date() == now.date()
    )
