"""Check a bucket of one's own that a pipeline shall use. It is read, never altered."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from include.deploy.environments import cli_options
from include.deploy.storage import Storage
from include.dynamo_lake.declaration import Retention
from include.dynamo_lake.erasure import export_days, noncurrent_days
from include.dynamo_lake.errors import TerminalError

if TYPE_CHECKING:
    import boto3

# What the bucket lacks, and the command that mends it.
Finding = tuple[str, str]
_NONE_SET = frozenset([
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
])
_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class OwnBucketError(TerminalError):
    """The bucket lacks what a pipeline's bucket must have; carries every finding, each with its command."""

    def __init__(self, bucket: str, findings: tuple[str, ...]) -> None:
        self.findings = findings
        super().__init__(f"bucket {bucket}:\n" + "\n".join(f"  - {finding}" for finding in findings))


def check_own_bucket(session: boto3.Session, storage: Storage, retention: Retention) -> None:
    """Read encryption, versioning, public access, policy and lifecycle of a bucket that no stack makes.

    Raises:
        OwnBucketError: with every finding and the exact command that mends it.
    """
    if storage.creates_bucket:
        return
    s3, bucket = session.client("s3"), storage.bucket
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        raise OwnBucketError(bucket, (f"it cannot be reached ({error}); name it right, or make it",)) from error
    checks = (_encryption, _versioning, _public_access, _policy)
    findings = [check(s3, storage) for check in checks] + [_lifecycle(s3, bucket, retention)]
    options = cli_options(session)
    if found := tuple(f"{what}; run `{command}{options}`" for what, command in filter(None, findings)):
        raise OwnBucketError(bucket, found)


def expiry_rules(retention: Retention) -> list[dict[str, Any]]:
    """The lifecycle rules that the template gives its own bucket, in S3's words."""
    kept = (retention.time_travel_days, retention.erase_within_days)
    expiring = {**dict.fromkeys(("exports", "applied", "rejected", "batches", "runs"), export_days(*kept)), "athena": 7}
    noncurrent = {
        "ID": "noncurrent-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days(*kept)},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
    }
    return [
        noncurrent,
        *(
            {"ID": name, "Status": "Enabled", "Filter": {"Prefix": f"{name}/"}, "Expiration": {"Days": days}}
            for name, days in expiring.items()
        ),
    ]


def _encryption(s3: Any, storage: Storage) -> Finding | None:
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": storage.own_key_arn},
        "BucketKeyEnabled": True,
    }
    found = _read(lambda: s3.get_bucket_encryption(Bucket=storage.bucket)["ServerSideEncryptionConfiguration"]["Rules"])
    default = (found or [{}])[0].get("ApplyServerSideEncryptionByDefault", {})
    if default.get("KMSMasterKeyID") == storage.own_key_arn:
        return None
    return _finding(
        f"it encrypts with {default.get('KMSMasterKeyID', 'no key of KMS')}, not with key_arn",
        storage.bucket,
        "put-bucket-encryption --server-side-encryption-configuration",
        {"Rules": [rule]},
    )


def _versioning(s3: Any, storage: Storage) -> Finding | None:
    if s3.get_bucket_versioning(Bucket=storage.bucket).get("Status") == "Enabled":
        return None
    command = "put-bucket-versioning --versioning-configuration"
    return _finding("it keeps no versions", storage.bucket, command, {"Status": "Enabled"})


def _public_access(s3: Any, storage: Storage) -> Finding | None:
    found = _read(lambda: s3.get_public_access_block(Bucket=storage.bucket)["PublicAccessBlockConfiguration"])
    if found == _ACCESS:
        return None
    command = "put-public-access-block --public-access-block-configuration"
    return _finding("it may be made public", storage.bucket, command, _ACCESS)


def _policy(s3: Any, storage: Storage) -> Finding | None:
    found = _read(lambda: json.loads(s3.get_bucket_policy(Bucket=storage.bucket)["Policy"])) or {
        "Version": "2012-10-17",
        "Statement": [],
    }
    if any(_refuses_plain_text(statement) for statement in found["Statement"]):
        return None
    arn = f"arn:aws:s3:::{storage.bucket}"
    refusal = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {**found, "Statement": [*found["Statement"], refusal]}
    return _finding("its policy lets requests without TLS pass", storage.bucket, "put-bucket-policy --policy", policy)


def _refuses_plain_text(statement: dict[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return (
        statement["Effect"] == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and statement.get("Action") in ("s3:*", ["s3:*"])
        and str(condition).lower() in ("false", "['false']")
    )


def _lifecycle(s3: Any, bucket: str, retention: Retention) -> Finding | None:
    """Rules that expire sooner would take what runs still need, later ones would break the declared erasure."""
    found = _read(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]) or []
    present = {rule.get("ID"): rule for rule in found}
    wanted = expiry_rules(retention)
    lacking = [rule["ID"] for rule in wanted if present.get(rule["ID"]) != rule]
    if not lacking:
        return None
    rules = [*(rule for rule in found if rule.get("ID") not in {one["ID"] for one in wanted}), *wanted]
    command = "put-bucket-lifecycle-configuration --lifecycle-configuration"
    return _finding(f"its lifecycle lacks the rules {', '.join(lacking)}", bucket, command, {"Rules": rules})


def _finding(what: str, bucket: str, command: str, value: dict[str, Any]) -> Finding:
    operation, option = command.split()
    return what, f"aws s3api {operation} --bucket {bucket} {option} {shlex.quote(json.dumps(value))}"


def _read(request: Callable[[], Any]) -> Any:
    """The answer, or None where nothing of the kind is set."""
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] in _NONE_SET:
            return None
        raise
