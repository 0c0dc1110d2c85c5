"""Apply through the services' own APIs what the base's CloudFormation drops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from include.local_aws.calls import Json
from include.local_aws.stream_mapping.model import DEFAULT_BATCH_SIZE

Clients = Callable[[str], Any]


def repair_table(clients: Clients, name: str, properties: Json) -> None:
    """PITR, encryption and TTL of a DynamoDB table."""
    dynamodb = clients("dynamodb")
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery is not None:
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery_of(recovery))
    encryption = properties.get("SSESpecification")
    if encryption is not None:
        wanted = {"Enabled": truth(encryption["SSEEnabled"])}
        wanted |= {key: encryption[key] for key in ("SSEType", "KMSMasterKeyId") if key in encryption}
        dynamodb.update_table(TableName=name, SSESpecification=wanted)
    expiry = properties.get("TimeToLiveSpecification")
    if expiry is not None:
        specification = {"AttributeName": expiry["AttributeName"], "Enabled": truth(expiry["Enabled"])}
        present = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]
        if specification["Enabled"] != (present == "ENABLED"):
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)


def recovery_of(specification: Json) -> Json:
    wanted: Json = {"PointInTimeRecoveryEnabled": truth(specification.get("PointInTimeRecoveryEnabled", False))}
    if "RecoveryPeriodInDays" in specification:
        wanted["RecoveryPeriodInDays"] = int(specification["RecoveryPeriodInDays"])
    return wanted


def repair_bucket(clients: Clients, name: str, properties: Json) -> None:
    """Encryption, lifecycle, ownership, versioning and public access of a bucket."""
    s3 = clients("s3")
    if encryption := properties.get("BucketEncryption"):
        rules = [encryption_rule(rule) for rule in encryption["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if ownership := properties.get("OwnershipControls"):
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": ownership["Rules"]})
    if versioning := properties.get("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning["Status"]})
    if access := properties.get("PublicAccessBlockConfiguration"):
        blocks = {key: truth(value) for key, value in access.items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocks)


def encryption_rule(rule: Json) -> Json:
    """CloudFormation's rule in the API's words."""
    wanted: Json = {}
    if default := rule.get("ServerSideEncryptionByDefault"):
        wanted["ApplyServerSideEncryptionByDefault"] = dict(default)
    if "BucketKeyEnabled" in rule:
        wanted["BucketKeyEnabled"] = truth(rule["BucketKeyEnabled"])
    return wanted


_LIFECYCLE_KEYS = frozenset({
    "Id",
    "Status",
    "Prefix",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "AbortIncompleteMultipartUpload",
})


def lifecycle_rule(rule: Json) -> Json:
    """CloudFormation's rule in the API's words. Raises ValueError for a member that is not carried over."""
    if unknown := rule.keys() - _LIFECYCLE_KEYS:
        raise ValueError(f"lifecycle rule {rule.get('Id')}: local AWS does not carry over {', '.join(sorted(unknown))}")
    wanted: Json = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        wanted["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        wanted["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif truth(rule.get("ExpiredObjectDeleteMarker", False)):
        wanted["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    noncurrent = rule.get("NoncurrentVersionExpiration", {}).get(
        "NoncurrentDays", rule.get("NoncurrentVersionExpirationInDays")
    )
    if noncurrent is not None:
        wanted["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(noncurrent)}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        wanted["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return wanted


def repair_crawler(clients: Clients, name: str, properties: Json) -> None:
    """A crawler's DynamoDB targets: the API spells two members otherwise than CloudFormation."""
    targets = dict(properties["Targets"])
    if "DynamoDBTargets" in targets:
        targets["DynamoDBTargets"] = [dynamodb_target(one) for one in targets["DynamoDBTargets"]]
        clients("glue").update_crawler(Name=name, Targets=targets)


def dynamodb_target(target: Json) -> Json:
    wanted: Json = {"Path": target["Path"]}
    if "ScanAll" in target:
        wanted["scanAll"] = truth(target["ScanAll"])
    if "ScanRate" in target:
        wanted["scanRate"] = float(target["ScanRate"])
    return wanted


def repair_job(clients: Clients, name: str, properties: Json) -> None:
    """A job's concurrency, which the base's CloudFormation drops, and its numbers, which it keeps as text."""
    update = {key: value for key, value in properties.items() if key in _JOB_UPDATE}
    update |= {key: int(properties[key]) for key in _JOB_NUMBERS if key in properties}
    if execution := properties.get("ExecutionProperty"):
        update["ExecutionProperty"] = {"MaxConcurrentRuns": int(execution["MaxConcurrentRuns"])}
    clients("glue").update_job(JobName=name, JobUpdate=update)


_JOB_NUMBERS = ("MaxRetries", "Timeout", "NumberOfWorkers")
_JOB_UPDATE = frozenset({
    "Description",
    "LogUri",
    "Role",
    "Command",
    "DefaultArguments",
    "NonOverridableArguments",
    "Connections",
    "MaxCapacity",
    "WorkerType",
    "SecurityConfiguration",
    "NotificationProperty",
    "GlueVersion",
    "ExecutionClass",
})


def repair_topic(clients: Clients, arn: str, properties: Json) -> None:
    if "KmsMasterKeyId" in properties:
        key = properties["KmsMasterKeyId"]
        clients("sns").set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)


def repair_mapping(clients: Clients, uuid: str, properties: Json) -> None:
    """A mapping's default batch size, which the base takes from queues."""
    if "BatchSize" not in properties:
        clients("lambda").update_event_source_mapping(UUID=uuid, BatchSize=DEFAULT_BATCH_SIZE)


def truth(value: Any) -> bool:
    """CloudFormation's booleans come as `true`, `"true"` or `"True"`."""
    return str(value).lower() == "true"


REPAIRS: dict[str, Callable[[Clients, str, Json], None]] = {
    "AWS::DynamoDB::Table": repair_table,
    "AWS::Glue::Crawler": repair_crawler,
    "AWS::Glue::Job": repair_job,
    "AWS::Lambda::EventSourceMapping": repair_mapping,
    "AWS::S3::Bucket": repair_bucket,
    "AWS::SNS::Topic": repair_topic,
}
