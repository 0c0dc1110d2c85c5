"""Lifecycle rules of buckets: what S3 takes away at which midnight, on the local clock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.clock import parse_instant
from include.local_aws.lifecycle_rules import Rule, Version, expired_versions
from include.local_aws.process import RunningLocalAws, local_aws
from tests.local_aws.conftest import make_client

BUCKET = "kept-for-days"
SHORT = "short/day=2026-03-01/a b+ü.parquet"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = [
    {"ID": "short", "Status": "Enabled", "Filter": {"Prefix": "short/"}, "Expiration": {"Days": 2}},
    {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": "kept/"}, "Expiration": {"Days": 1}},
    {
        "ID": "past",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLocalAws]:
    with local_aws(tmp_path_factory.mktemp("lifecycles"), clock=NOON.isoformat()) as instance:
        yield instance


@pytest.fixture(scope="module")
def s3(own: RunningLocalAws) -> Any:
    client = make_client(own, "s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": RULES})
    return client


def advance_to(own: RunningLocalAws, instant: datetime) -> None:
    now = parse_instant(own.ask("GET", "/_local/status")["now"])
    own.ask("POST", "/_local/clock", {"advance": (instant - now).total_seconds()})


def left(s3: Any) -> dict[str, int]:
    """How many versions and markers each key has."""
    listed = s3.list_object_versions(Bucket=BUCKET)
    counts: dict[str, int] = {}
    for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        counts[version["Key"]] = counts.get(version["Key"], 0) + 1
    return counts


def current(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_objects_expire_versions_follow_and_nothing_stays_behind(own: RunningLocalAws, s3: Any) -> None:
    for key in (SHORT, "kept/one"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="kept/one", Body=b"second")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="kept/parts")
    stamped = s3.head_object(Bucket=BUCKET, Key=SHORT)["LastModified"]
    assert abs(stamped - NOON) < timedelta(minutes=5)
    assert s3.list_objects_v2(Bucket=BUCKET)["Contents"][0]["LastModified"] - stamped < timedelta(minutes=5)

    advance_to(own, NOON + 2.4 * DAY)
    assert SHORT in current(s3), "two days after noon are rounded up to the next midnight"
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == [], upload["UploadId"]
    advance_to(own, NOON + 2.6 * DAY)
    assert current(s3) == ["kept/one"]
    assert left(s3) == {SHORT: 2, "kept/one": 2}
    advance_to(own, NOON + 3.6 * DAY)
    assert left(s3) == {SHORT: 2, "kept/one": 1}
    # Its version became noncurrent right after a midnight: three days and the rest of a day later the marker alone is left.
    advance_to(own, NOON + 6.6 * DAY)
    assert left(s3) == {SHORT: 1, "kept/one": 1}
    advance_to(own, NOON + 7.6 * DAY)
    assert left(s3) == {"kept/one": 1}
    assert s3.get_object(Bucket=BUCKET, Key="kept/one")["Body"].read() == b"second"


def test_steps_of_the_clock_that_are_asked_for_at_once_are_all_taken(own: RunningLocalAws, s3: Any) -> None:
    before = parse_instant(own.ask("GET", "/_local/status")["now"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: own.ask("POST", "/_local/clock", {"advance": 72_000}), range(4)))
    after = parse_instant(own.ask("GET", "/_local/status")["now"])
    assert timedelta(hours=80) <= after - before < timedelta(hours=80, minutes=5)


def test_a_rule_that_nothing_would_apply_is_refused(s3: Any) -> None:
    transition = {"Days": 1, "StorageClass": "GLACIER"}
    rule = {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": [transition]}
    with pytest.raises(ClientError, match=r"NotImplementedByLocalAws.*Transition"):
        s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})


def version(key: str, days_ago: float, *, latest: bool = True, marker: bool = False) -> Version:
    return Version(key, f"{key}-{days_ago}", NOON - days_ago * DAY, latest, marker)


@pytest.mark.parametrize(
    ("rule", "versions", "taken"),
    [
        (Rule("", 1, None, None, False), [version("a", 1.4)], []),
        (Rule("", 1, None, None, False), [version("a", 1.5)], ["a-1.5"]),
        (Rule("", 1, None, None, False), [version("a", 1.6)], ["a-1.6"]),
        (Rule("b", 1, None, None, False), [version("a", 9)], []),
        (Rule("", None, 1, None, False), [version("a", 9)], []),
        (Rule("", None, 1, None, False), [version("a", 1), version("a", 9, latest=False)], []),
        (Rule("", None, 1, None, False), [version("a", 2), version("a", 9, latest=False)], ["a-9"]),
        (Rule("", None, None, None, True), [version("a", 0, marker=True)], ["a-0"]),
        (Rule("", None, None, None, True), [version("a", 0, marker=True), version("a", 9, latest=False)], []),
    ],
)
def test_an_age_counts_to_the_midnight_after(rule: Rule, versions: list[Version], taken: list[str]) -> None:
    assert [one.version_id for one in expired_versions([rule], versions, NOON)] == taken
