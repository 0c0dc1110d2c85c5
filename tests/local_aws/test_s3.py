"""S3 refuses what AWS's refuses: keys, conditions, owners, and what a caller may not know of."""

from __future__ import annotations

import urllib.request
import uuid
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.conftest import make_client
from tests.local_aws.dynamo import Place, make_place
from tests.local_aws.roles import allow, decisions

Assume = Callable[..., dict[str, Any]]
Client = Callable[..., Any]
MIB = 1024 * 1024


@pytest.fixture
def bucket(client: Client) -> str:
    name = f"b-{uuid.uuid4().hex[:8]}"
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


@pytest.fixture
def key(client: Client) -> str:
    """The ARN of a key."""
    return str(client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def under_key(client: Client, bucket: str, key: str) -> str:
    """The name of an object that is encrypted with the key."""
    client("s3").put_object(Bucket=bucket, Key="secret", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    return "secret"


def test_that_an_object_is_missing_is_told_only_to_who_may_list_its_bucket(
    running: RunningLocalAws, client: Client, assume: Assume, bucket: str
) -> None:
    whole, objects = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"
    reads = allow(["s3:GetObject", "s3:PutObject"], objects)
    under_prefix = {**allow(["s3:ListBucket"], whole), "Condition": {"StringLike": {"s3:prefix": ["a/*"]}}}
    for statements, code, status in (
        ([reads], "AccessDenied", "403"),
        ([reads, under_prefix], "AccessDenied", "403"),
        ([reads, allow(["s3:ListBucket"], whole)], "NoSuchKey", "404"),
    ):
        role = assume(*statements)
        s3 = client("s3", role)
        with pytest.raises(ClientError, match=code):
            s3.get_object(Bucket=bucket, Key="a/missing")
        with pytest.raises(ClientError, match=code):
            s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a/missing"})
        with pytest.raises(ClientError, match=rf"\({status}\)"):
            s3.head_object(Bucket=bucket, Key="a/missing")
        taken = decisions(running, role["Role"])
        assert ("s3:ListBucket", whole, status == "404") in taken
        assert ("s3:GetObject", f"{whole}/a/missing", True) in taken
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client("s3", assume(allow(["s3:*"], "arn:aws:s3:::*/*"))).get_object(Bucket=f"{bucket}-not", Key="a")


def test_what_is_there_needs_no_right_to_list(client: Client, assume: Assume, bucket: str) -> None:
    client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    s3 = client("s3", assume(allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*")))
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert s3.head_object(Bucket=bucket, Key="b")["ContentLength"] == 1


def test_a_presigned_read_needs_the_key_as_any_other(
    client: Client, assume: Assume, bucket: str, key: str, under_key: str
) -> None:
    reads = allow(["s3:GetObject"], f"arn:aws:s3:::{bucket}/*")
    for statements, expected in (([reads], 403), ([reads, allow(["kms:Decrypt"], key)], 200)):
        url = client("s3", assume(*statements)).generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": under_key}
        )
        try:
            with urllib.request.urlopen(url) as answer:
                status = answer.status
        except HTTPError as error:
            status = error.code
        assert status == expected


def test_signatures_of_version_2_are_refused(running: RunningLocalAws, bucket: str) -> None:
    old = make_client(running, "s3", signature_version="s3")
    with pytest.raises(HTTPError, match="400"):
        urllib.request.urlopen(old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}))


def test_a_copy_needs_the_key_of_its_source(
    running: RunningLocalAws, client: Client, assume: Assume, bucket: str, key: str, under_key: str
) -> None:
    wanted = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": under_key}}
    moves = allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*")
    with pytest.raises(ClientError, match=r"AccessDenied.*kms:Decrypt"):
        client("s3", assume(moves)).copy_object(**wanted)
    role = assume(moves, allow(["kms:Decrypt"], key))
    client("s3", role).copy_object(**wanted)
    assert ("kms:Decrypt", key, True) in decisions(running, role["Role"])


def test_a_key_that_cannot_be_used_stops_reads_writes_and_copies(
    client: Client, bucket: str, key: str, under_key: str
) -> None:
    s3, kms = client("s3"), client("kms")
    encrypted = {"Bucket": bucket, "Key": "b", "Body": b"x", "ServerSideEncryption": "aws:kms"}
    with pytest.raises(ClientError, match=r"KMS\.NotFoundException"):
        s3.put_object(**encrypted, SSEKMSKeyId="no-such-key")
    calls = (
        lambda: s3.put_object(**encrypted, SSEKMSKeyId=key),
        lambda: s3.get_object(Bucket=bucket, Key=under_key),
        lambda: s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": under_key}),
    )
    for change, code in (
        (kms.disable_key, r"KMS\.DisabledException"),
        (kms.schedule_key_deletion, r"KMS\.KMSInvalidStateException"),
    ):
        change(KeyId=key)
        for call in calls:
            with pytest.raises(ClientError, match=code):
                call()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [under_key]


def test_an_export_under_no_key_or_into_anothers_bucket_fails(running: RunningLocalAws, client: Client) -> None:
    place: Place = make_place(running, client)
    at = place.next_edge()
    failed = place.export(ExportTime=at, S3SseAlgorithm="KMS", S3SseKmsKeyId="no-such-key")
    assert failed["ExportStatus"] == "FAILED"
    assert "no-such-key" in failed["FailureMessage"]
    failed = place.export(ExportTime=at, S3BucketOwner="999999999999")
    assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3AccessDenied")
    assert place.export(ExportTime=at, S3BucketOwner="000000000000")["ExportStatus"] == "COMPLETED"


def test_calls_about_another_accounts_bucket_are_denied(client: Client, bucket: str) -> None:
    s3, other = client("s3"), "999999999999"
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ExpectedBucketOwner="000000000000")
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"x", ExpectedBucketOwner=other),
        lambda: s3.get_object(Bucket=bucket, Key="a", ExpectedBucketOwner=other),
        lambda: s3.get_bucket_encryption(Bucket=bucket, ExpectedBucketOwner=other),
        lambda: s3.copy_object(**copy, ExpectedSourceBucketOwner=other),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    with pytest.raises(ClientError, match="403"):
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=other)
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=f"{bucket}-not", ExpectedBucketOwner=other)


def test_conditions_that_would_not_be_looked_at_are_refused(client: Client, bucket: str) -> None:
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    with pytest.raises(ClientError, match=r"NotImplemented"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"y", IfNoneMatch='"etag"')
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*condition"):
        s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"y", IfNoneMatch="*")


def test_every_part_of_an_upload_but_the_last_has_five_mib(client: Client, bucket: str) -> None:
    s3 = client("s3")
    for first, code in ((b"x" * 10, "EntityTooSmall"), (b"x" * 5 * MIB, None)):
        upload = {"Bucket": bucket, "Key": "a"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        parts = [
            {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
            for number, body in ((1, first), (2, b"y"))
        ]
        if code:
            with pytest.raises(ClientError, match=code):
                s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        else:
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket=bucket, Key="a")["ContentLength"] == 5 * MIB + 1


def test_a_continuation_token_that_no_page_gave_is_refused(client: Client, bucket: str) -> None:
    s3 = client("s3")
    for name in ("a", "ü", "z"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="garbage!!")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [one["Key"] for page in pages for one in page["Contents"]] == ["a", "z", "ü"]
