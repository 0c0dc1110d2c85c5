"""Links from a task to what it started: export, job run, crawler, query, snapshot, run report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink

_S3_OBJECT = BASE_AWS_CONSOLE_LINK + "/s3/object/{bucket}?region={region_name}&prefix={object_key}"


class LakeLink(BaseAwsLink):  # type: ignore[misc]
    """A link into the AWS console; ``push`` keeps what its URL needs with the task."""

    name: ClassVar[str]
    key: ClassVar[str]
    format_str: ClassVar[str]

    @classmethod
    def push(cls, context: Mapping[str, Any], region: str, **values: str) -> None:
        domain = cls.get_aws_domain(_partition(region))
        context["ti"].xcom_push(key=cls.key, value={"region_name": region, "aws_domain": domain, **values})


class ExportLink(LakeLink):
    name = "Export"
    key = "lake_export"
    format_str = BASE_AWS_CONSOLE_LINK + "/dynamodbv2/home?region={region_name}#export-details?arn={export_arn}"


class JobRunLink(LakeLink):
    name = "Glue job run"
    key = "lake_job_run"
    format_str = BASE_AWS_CONSOLE_LINK + "/gluestudio/home?region={region_name}#/job/{job_name}/run/{run_id}"


class CrawlerLink(LakeLink):
    name = "Crawler"
    key = "lake_crawler"
    format_str = BASE_AWS_CONSOLE_LINK + "/glue/home?region={region_name}#/v2/data-catalog/crawlers/view/{crawler_name}"


class QueryLink(LakeLink):
    name = "Athena query"
    key = "lake_query"
    format_str = BASE_AWS_CONSOLE_LINK + "/athena/home?region={region_name}#/query-editor/history/{query_id}"


class SnapshotLink(LakeLink):
    name = "Iceberg snapshot"
    key = "lake_snapshot"
    format_str = _S3_OBJECT


class ReportLink(LakeLink):
    name = "Run report"
    key = "lake_report"
    format_str = _S3_OBJECT


class DifferencesLink(LakeLink):
    name = "Differences"
    key = "lake_differences"
    format_str = BASE_AWS_CONSOLE_LINK + "/s3/buckets/{bucket}?region={region_name}&prefix={prefix}"


LINKS = (ExportLink(), JobRunLink(), CrawlerLink(), QueryLink(), SnapshotLink(), ReportLink(), DifferencesLink())


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
