"""Names that are taken: CloudFormation makes no resource over one that is there already, the base would take it over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from include.local_aws import root_clients
from include.local_aws.calls import Json
from include.local_aws.stack_repairs import Clients

# By type: the property that names it, and a look at the service that fails or finds nothing where the name is free.
Finder = Callable[[Clients, str], Any]
FINDERS: dict[str, tuple[str, Finder]] = {
    "AWS::Athena::WorkGroup": ("Name", lambda c, name: c("athena").get_work_group(WorkGroup=name)),
    "AWS::CloudWatch::Alarm": (
        "AlarmName",
        lambda c, name: c("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"],
    ),
    "AWS::DynamoDB::Table": ("TableName", lambda c, name: c("dynamodb").describe_table(TableName=name)),
    "AWS::Events::Rule": ("Name", lambda c, name: c("events").describe_rule(Name=name)),
    "AWS::Glue::Crawler": ("Name", lambda c, name: c("glue").get_crawler(Name=name)),
    "AWS::Glue::Database": ("DatabaseInput", lambda c, name: c("glue").get_database(Name=name)),
    "AWS::Glue::Job": ("Name", lambda c, name: c("glue").get_job(JobName=name)),
    "AWS::IAM::Role": ("RoleName", lambda c, name: c("iam").get_role(RoleName=name)),
    "AWS::KMS::Alias": ("AliasName", lambda c, name: _listed(c("kms").list_aliases()["Aliases"], "AliasName", name)),
    "AWS::Lambda::Function": ("FunctionName", lambda c, name: c("lambda").get_function(FunctionName=name)),
    "AWS::Logs::LogGroup": (
        "LogGroupName",
        lambda c, name: _listed(
            c("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"], "logGroupName", name
        ),
    ),
    "AWS::SNS::Topic": (
        "TopicName",
        lambda c, name: [one for one in c("sns").list_topics()["Topics"] if one["TopicArn"].endswith(f":{name}")],
    ),
    "AWS::SQS::Queue": ("QueueName", lambda c, name: c("sqs").get_queue_url(QueueName=name)),
}


def taken_names(clients: Clients, named: Iterable[tuple[str, str, Json]]) -> list[str]:
    """One line for each of the resources (logical id, type, resolved properties) whose name another one has."""
    return [
        f"{logical_id}: Resource of type '{kind}' with identifier '{name}' already exists."
        for logical_id, kind, properties in named
        if (name := _name_of(kind, properties)) and _exists(clients, kind, name)
    ]


def _name_of(kind: str, properties: Json) -> str | None:
    if kind not in FINDERS:
        return None
    value = properties.get(FINDERS[kind][0])
    value = value.get("Name") if isinstance(value, dict) else value
    return value if isinstance(value, str) else None


def _exists(clients: Clients, kind: str, name: str) -> bool:
    try:
        return bool(FINDERS[kind][1](clients, name))
    except root_clients.ClientError:
        return False


def _listed(entries: list[Json], key: str, name: str) -> list[Json]:
    return [one for one in entries if one[key] == name]
