"""Read every property of a stack's resources back from the services and compare with the template."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from include.local_aws.calls import AwsError, Json
from include.local_aws.stack_repairs import Clients, encryption_rule, lifecycle_rule
from include.local_aws.stream_mapping.requests import check_settings

Reader = Callable[[Clients, str, Json], Json]


def differences(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """What of `expected` is missing or other in `found`; what only AWS adds (`found`) is no difference."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            yield from differences(value, found.get(key), f"{place}.{key}" if place else key)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif _plain(expected) != _plain(found):
        yield f"{place}: the template says {expected!r}, the service {found!r}"


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str):
        text = str(value)
        if text.startswith("{"):
            return json.loads(text)
        return text.lower() if text.lower() in ("true", "false") else text.removesuffix(".0").rstrip("/")
    return value


def read_table(clients: Clients, name: str, properties: Json) -> Json:
    dynamodb = clients("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    encryption = table.get("SSEDescription") or {}
    stream = table.get("StreamSpecification") or {}
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {
        **table,
        "BillingMode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": recovery["PointInTimeRecoveryStatus"] == "ENABLED",
            "RecoveryPeriodInDays": recovery.get("RecoveryPeriodInDays"),
        },
        "SSESpecification": {
            "SSEEnabled": encryption.get("Status") == "ENABLED",
            "SSEType": encryption.get("SSEType"),
            "KMSMasterKeyId": encryption.get("KMSMasterKeyArn"),
        },
        "StreamSpecification": {"StreamViewType": stream.get("StreamViewType")},
        "TimeToLiveSpecification": {
            "AttributeName": expiry.get("AttributeName"),
            "Enabled": expiry.get("TimeToLiveStatus") == "ENABLED",
        },
        "Tags": dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
    }


def read_bucket(clients: Clients, name: str, properties: Json) -> Json:
    """The bucket's settings; the template's rules are compared in the API's words (`_expected_bucket`)."""
    s3 = clients("s3")
    readers: dict[str, Callable[[], Any]] = {
        "BucketEncryption": lambda: s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"],
        "LifecycleConfiguration": lambda: s3.get_bucket_lifecycle_configuration(Bucket=name),
        "OwnershipControls": lambda: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"],
        "VersioningConfiguration": lambda: s3.get_bucket_versioning(Bucket=name),
        "PublicAccessBlockConfiguration": lambda: s3.get_public_access_block(Bucket=name)[
            "PublicAccessBlockConfiguration"
        ],
        "Tags": lambda: s3.get_bucket_tagging(Bucket=name)["TagSet"],
        "BucketName": lambda: name,
    }
    return {key: readers[key]() for key in properties if key in readers}


def _expected_bucket(properties: Json) -> Json:
    expected = dict(properties)
    if encryption := properties.get("BucketEncryption"):
        expected["BucketEncryption"] = {
            "Rules": [encryption_rule(rule) for rule in encryption["ServerSideEncryptionConfiguration"]]
        }
    if lifecycle := properties.get("LifecycleConfiguration"):
        expected["LifecycleConfiguration"] = {"Rules": [lifecycle_rule(rule) for rule in lifecycle["Rules"]]}
    return expected


def read_bucket_policy(clients: Clients, name: str, properties: Json) -> Json:
    policy = clients("s3").get_bucket_policy(Bucket=properties["Bucket"])["Policy"]
    return {"Bucket": properties["Bucket"], "PolicyDocument": json.loads(policy)}


def read_job(clients: Clients, name: str, properties: Json) -> Json:
    glue = clients("glue")
    job: Json = glue.get_job(JobName=name)["Job"]
    return job


def read_crawler(clients: Clients, name: str, properties: Json) -> Json:
    crawler: Json = clients("glue").get_crawler(Name=name)["Crawler"]
    targets = crawler["Targets"]
    for target in targets.get("DynamoDBTargets", []):
        target["ScanAll"] = target.get("scanAll", True)
        target["ScanRate"] = target.get("scanRate")
    return crawler


def read_database(clients: Clients, name: str, properties: Json) -> Json:
    database = clients("glue").get_database(Name=name)["Database"]
    return {"CatalogId": properties.get("CatalogId"), "DatabaseInput": database}


def read_workgroup(clients: Clients, name: str, properties: Json) -> Json:
    group = clients("athena").get_work_group(WorkGroup=name)["WorkGroup"]
    return {
        **group,
        "WorkGroupConfiguration": group.get("Configuration"),
        # Only a deletion reads it.
        "RecursiveDeleteOption": properties.get("RecursiveDeleteOption"),
    }


def read_log_group(clients: Clients, name: str, properties: Json) -> Json:
    groups = clients("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next(one for one in groups if one["logGroupName"] == name)
    return {
        "LogGroupName": name,
        "RetentionInDays": group.get("retentionInDays"),
        "KmsKeyId": group.get("kmsKeyId"),
        "LogGroupClass": group.get("logGroupClass"),
    }


def read_function(clients: Clients, name: str, properties: Json) -> Json:
    """The configuration; the code is compared by its object, which must be what the function runs."""
    function = clients("lambda").get_function(FunctionName=name)
    code = properties["Code"]
    body = clients("s3").get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["Body"].read()
    runs_it = base64.b64encode(hashlib.sha256(body).digest()).decode() == function["Configuration"]["CodeSha256"]
    return {**function["Configuration"], "Code": code if runs_it else None, "Tags": properties.get("Tags")}


def read_mapping(clients: Clients, uuid: str, properties: Json) -> Json:
    """The mapping as the API shows it. Raises AwsError for settings that nothing here acts on."""
    check_settings(properties)
    stream, table = properties["EventSourceArn"], properties["EventSourceArn"].split("/")[1]
    present = clients("dynamodb").describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if stream != present:
        raise AwsError("InvalidParameterValueException", f"Stream not found: {stream} (the table's is {present})")
    found: Json = clients("lambda").get_event_source_mapping(UUID=uuid)
    return {
        **found,
        "FunctionName": found["FunctionArn"].split(":function:")[1],
        "Enabled": found["State"] == "Enabled",
    }


def read_role(clients: Clients, name: str, properties: Json) -> Json:
    iam = clients("iam")
    role = iam.get_role(RoleName=name)["Role"]
    inline = [
        {"PolicyName": one["PolicyName"], "PolicyDocument": iam.get_role_policy(RoleName=name, **one)["PolicyDocument"]}
        for one in [{"PolicyName": policy["PolicyName"]} for policy in properties.get("Policies", [])]
    ]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {**role, "Policies": inline, "ManagedPolicyArns": [one["PolicyArn"] for one in attached]}


def read_key(clients: Clients, name: str, properties: Json) -> Json:
    kms = clients("kms")
    return {
        **kms.describe_key(KeyId=name)["KeyMetadata"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"],
        "KeyPolicy": json.loads(kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"]),
    }


def read_alias(clients: Clients, name: str, properties: Json) -> Json:
    aliases = clients("kms").list_aliases()["Aliases"]
    return next(one for one in aliases if one["AliasName"] == properties["AliasName"])


def read_queue(clients: Clients, name: str, properties: Json) -> Json:
    found = clients("sqs").get_queue_attributes(QueueUrl=name, AttributeNames=["All"])["Attributes"]
    return {**found, "QueueName": found["QueueArn"].rpartition(":")[2]}


def read_queue_policy(clients: Clients, name: str, properties: Json) -> Json:
    """The policy that all queues have. Raises AwsError as SQS does for a statement of several resources."""
    for statement in properties["PolicyDocument"]["Statement"]:
        resource = statement.get("Resource")
        if isinstance(resource, list) and len(resource) > 1:
            raise AwsError("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    sqs = clients("sqs")
    policies = [
        json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
        for url in properties["Queues"]
    ]
    same = policies[0] if all(one == policies[0] for one in policies) else None
    return {"Queues": properties["Queues"], "PolicyDocument": same}


def read_topic(clients: Clients, name: str, properties: Json) -> Json:
    attributes = clients("sns").get_topic_attributes(TopicArn=name)["Attributes"]
    return {**attributes, "TopicName": name.rpartition(":")[2]}


def read_alarm(clients: Clients, name: str, properties: Json) -> Json:
    alarm: Json = clients("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return alarm


def read_topic_policy(clients: Clients, name: str, properties: Json) -> Json:
    sns = clients("sns")
    policies = [
        json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) for arn in properties["Topics"]
    ]
    same = policies[0] if all(one == policies[0] for one in policies) else None
    return {"Topics": properties["Topics"], "PolicyDocument": same}


def read_rule(clients: Clients, name: str, properties: Json) -> Json:
    events = clients("events")
    rule = name.rpartition("/")[2]
    found = events.describe_rule(Name=rule)
    targets = events.list_targets_by_rule(Rule=rule)["Targets"]
    return {**found, "EventPattern": json.loads(found["EventPattern"]), "Targets": targets}


READERS: dict[str, Reader] = {
    "AWS::Athena::WorkGroup": read_workgroup,
    "AWS::CloudWatch::Alarm": read_alarm,
    "AWS::DynamoDB::Table": read_table,
    "AWS::Events::Rule": read_rule,
    "AWS::Glue::Crawler": read_crawler,
    "AWS::Glue::Database": read_database,
    "AWS::Glue::Job": read_job,
    "AWS::IAM::Role": read_role,
    "AWS::KMS::Alias": read_alias,
    "AWS::KMS::Key": read_key,
    "AWS::Lambda::EventSourceMapping": read_mapping,
    "AWS::Lambda::Function": read_function,
    "AWS::Logs::LogGroup": read_log_group,
    "AWS::S3::Bucket": read_bucket,
    "AWS::S3::BucketPolicy": read_bucket_policy,
    "AWS::SNS::Topic": read_topic,
    "AWS::SNS::TopicPolicy": read_topic_policy,
    "AWS::SQS::Queue": read_queue,
    "AWS::SQS::QueuePolicy": read_queue_policy,
}


def resource_differences(clients: Clients, kind: str, physical_id: str, properties: Json) -> list[str]:
    """Every property of one resource that the service does not hold as the template says."""
    reader = READERS.get(kind)
    if reader is None:
        return [f"local AWS cannot read {kind} back yet"]
    expected = _expected_bucket(properties) if kind == "AWS::S3::Bucket" else properties
    return list(differences(expected, reader(clients, physical_id, properties)))
