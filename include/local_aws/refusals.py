"""What the base answers falsely and nobody here answers truly: refused loudly, never a false success."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from include.local_aws import lifecycle_rules
from include.local_aws.base_tables import canonical_number
from include.local_aws.calls import AwsError, Json

_UNSEEN = "it would change items behind the change log, so exports would miss them"
_NEVER_RUNS = "nothing would run it"

REFUSED_TARGETS: dict[str, str] = {
    **{
        f"DynamoDB_20120810.{action}": _UNSEEN
        for action in (
            "ExecuteStatement",
            "BatchExecuteStatement",
            "ExecuteTransaction",
            "ImportTable",
            "RestoreTableFromBackup",
            "RestoreTableToPointInTime",
        )
    },
    "DynamoDB_20120810.EnableKinesisStreamingDestination": "its records would carry the machine's clock",
    "DynamoDB_20120810.CreateBackup": "on-demand backups are not kept here; use point in time recovery and exports",
    **{
        f"AWSGlue.{action}": _NEVER_RUNS
        for action in ("CreateTrigger", "StartTrigger", "UpdateTrigger", "CreateWorkflow", "StartWorkflowRun")
    },
    "AmazonAthena.CreatePreparedStatement": "EXECUTE is not answered; give StartQueryExecution its ExecutionParameters",
    "AWSGlue.CreatePartitionIndex": "no query here would use the index",
}

_KEYED = frozenset(
    f"DynamoDB_20120810.{action}"
    for action in (
        "GetItem",
        "UpdateItem",
        "DeleteItem",
        "BatchGetItem",
        "BatchWriteItem",
        "TransactGetItems",
        "TransactWriteItems",
    )
)

_REFUSED_S3_QUERIES = {
    ("PUT", "replication"): "objects would not be replicated",
    ("POST", "select"): "S3 Select is not offered",
    ("POST", "restore"): "there is no archive to restore from",
    ("PUT", "inventory"): "no inventory would be written",
    ("PUT", "analytics"): "no analysis would be written",
}
_PRINCIPAL_ARN = ("a bucket policy on aws:PrincipalArn", "it would see the session's ARN instead of the role's")
# Condition keys as policies spell them; of DynamoDB's the base knows these two, and only in part the others.
_UNEVALUATED = re.compile(r'"(dynamodb:(?!Select"|EnclosingOperation")[^"]+)"\s*:', re.IGNORECASE)
_READING_STACKS = ("Describe", "List", "Get", "Validate", "Estimate", "Detect")


def check_service(service: str) -> None:
    """Raise for a service that the base answers and that does nothing here."""
    if service == "airflow":
        raise _refusal("MWAA", "no environment would run; Airflow runs beside local AWS (`make up`)")


def check_target(target: str, body: bytes) -> None:
    """Raise NotImplementedByLocalAws for a JSON-protocol operation that would succeed falsely."""
    if target in REFUSED_TARGETS:
        raise _refusal(target.partition(".")[2], REFUSED_TARGETS[target])
    if target == "DynamoDB_20120810.UpdateTable" and b"ReplicaUpdates" in body:
        raise _refusal("UpdateTable with ReplicaUpdates", _UNSEEN)
    if target == "AWSGlue.CreateTable" and b"OpenTableFormatInput" in body:
        raise _refusal(
            "CreateTable with OpenTableFormatInput", "no metadata file would be written; create it with Iceberg"
        )
    if target in _KEYED and b'"N"' in body:
        for key in _keys(json.loads(body)):
            _check_key(key)


def _keys(value: Any) -> Iterator[Any]:
    """Every `Key` (or member of `Keys`) in a request, but not inside an item."""
    if isinstance(value, list):
        for one in value:
            yield from _keys(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Key":
                yield inner
            elif name == "Keys":
                yield from inner
            elif name != "Item":
                yield from _keys(inner)


def _check_key(key: Any) -> None:
    """The base looks a key up as it is spelled: `1.0` would miss the item `1`."""
    for name, typed in key.items() if isinstance(key, dict) else ():
        number = typed.get("N") if isinstance(typed, dict) else None
        if number is not None and canonical_number(number) not in (number, None):
            raise _refusal(f"the key {name} = {number}", f"write the number as {canonical_number(number)}")


def check_s3(method: str, query: str, body: bytes) -> None:
    """Raise for an S3 request that would be stored and never acted on, or that would be decided wrongly."""
    parameters = parse_qs(query, keep_blank_values=True)
    for (refused_method, parameter), why in _REFUSED_S3_QUERIES.items():
        if method == refused_method and parameter in parameters:
            raise _refusal(f"{method} ?{parameter}", why)
    if method == "PUT" and "lifecycle" in parameters:
        lifecycle_rules.parse_rules(body)
    if method == "PUT" and "policy" in parameters and b"aws:principalarn" in body.lower():
        raise _refusal(*_PRINCIPAL_ARN)


def check_signature(headers: dict[str, str], query: str) -> None:
    """Raise for signature version 2, which S3 takes in none of the newer regions and whose caller nothing here reads."""
    if headers.get("authorization", "").startswith("AWS ") or "AWSAccessKeyId" in parse_qs(query):
        message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        raise AwsError("InvalidRequest", message, 400)


def check_iam(body: bytes) -> None:
    """Raise for a policy with a condition that nothing here evaluates."""
    for values in parse_qs(body.decode("utf-8", "replace")).values():
        _check_policy(values[0])


def check_resources(template: Json) -> None:
    """Raise for the policies of a template's resources that would be refused in a request of their own."""
    for resource in template["Resources"].values():
        text = json.dumps(resource.get("Properties") or {}, default=str)
        _check_policy(text)
        if resource["Type"] == "AWS::S3::BucketPolicy" and "aws:principalarn" in text.lower():
            raise _refusal(*_PRINCIPAL_ARN)


def check_stack_of_role(body: bytes) -> None:
    """Raise for a role's or user's request that changes stacks: their resources are made with root's rights."""
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if not action.startswith(_READING_STACKS):
        raise _refusal(f"{action} by others than root", "the resources would be made whether or not the caller may")


def _check_policy(text: str) -> None:
    if found := _UNEVALUATED.search(text):
        raise _refusal(f"a policy on {found[1]}", "the condition would not be evaluated")


def _refusal(what: str, why: str) -> AwsError:
    return AwsError("NotImplementedByLocalAws", f"local AWS refuses {what}: {why}", 501)
