"""What the base answers falsely and nobody here answers truly: refused loudly, never a false success."""

from __future__ import annotations

from urllib.parse import parse_qs

from include.local_aws.calls import AwsError

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
    "AWSGlue.CreatePartitionIndex": "no query here would use the index",
}

_REFUSED_S3_QUERIES = {
    ("PUT", "replication"): "objects would not be replicated",
    ("POST", "select"): "S3 Select is not offered",
    ("POST", "restore"): "there is no archive to restore from",
    ("PUT", "inventory"): "no inventory would be written",
    ("PUT", "analytics"): "no analysis would be written",
}
_POLICY_ACTIONS = ("PutRolePolicy", "PutUserPolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion")


def check_target(target: str, body: bytes) -> None:
    """Raise NotImplementedByLocalAws for a JSON-protocol operation that would succeed falsely."""
    if target in REFUSED_TARGETS:
        raise _refusal(target.partition(".")[2], REFUSED_TARGETS[target])
    if target == "DynamoDB_20120810.UpdateTable" and b"ReplicaUpdates" in body:
        raise _refusal("UpdateTable with ReplicaUpdates", _UNSEEN)


def check_s3(method: str, query: str, body: bytes) -> None:
    """Raise for an S3 request that would be stored and never acted on, or that would be decided wrongly."""
    parameters = parse_qs(query, keep_blank_values=True)
    for (refused_method, parameter), why in _REFUSED_S3_QUERIES.items():
        if method == refused_method and parameter in parameters:
            raise _refusal(f"{method} ?{parameter}", why)
    if method == "PUT" and "policy" in parameters and b"aws:PrincipalArn" in body:
        raise _refusal("a bucket policy on aws:PrincipalArn", "it would see the session's ARN instead of the role's")


def check_iam(body: bytes) -> None:
    """Raise for a policy with a condition that nothing here evaluates."""
    parameters = parse_qs(body.decode("utf-8", "replace"))
    action = parameters.get("Action", [""])[0]
    if action in _POLICY_ACTIONS and "dynamodb:LeadingKeys" in parameters.get("PolicyDocument", [""])[0]:
        raise _refusal("a policy on dynamodb:LeadingKeys", "the condition would not be evaluated")


def _refusal(what: str, why: str) -> AwsError:
    return AwsError("NotImplementedByLocalAws", f"local AWS refuses {what}: {why}", 501)
