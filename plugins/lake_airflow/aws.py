"""AWS clients through the pipeline's connection, and AWS's present."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_athena import AthenaClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_glue import GlueClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

# They say where every client's keys and address come from, and drown what a task has to say. Airflow's own setting for it,
# [logging] namespace_levels, does not reach loggers of Python's logging.
for _name in ("botocore.credentials", "botocore.configprovider"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Clients:
    """Clients of one Airflow connection, each made when it is first used: every one costs a role's assumption."""

    aws_conn_id: str

    @cached_property
    def s3(self) -> S3Client:
        return cast("S3Client", self._client("s3"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @cached_property
    def glue(self) -> GlueClient:
        return cast("GlueClient", self._client("glue"))

    @cached_property
    def athena(self) -> AthenaClient:
        return cast("AthenaClient", self._client("athena"))

    @cached_property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self._client("sqs"))

    @cached_property
    def logs(self) -> Any:
        return self._client("logs")

    def _client(self, service: str) -> Any:
        return AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type=service).get_conn()


def present_of(response: Mapping[str, Any]) -> datetime:
    """AWS's present, from the ``Date`` header of one of its answers: whole seconds, UTC. The worker's clock is never asked."""
    return parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)


def error_code(error: ClientError) -> str:
    """The error's code, for example ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """AWS's own words."""
    return str(error.response.get("Error", {}).get("Message", error))
