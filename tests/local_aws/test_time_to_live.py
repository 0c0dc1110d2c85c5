"""Expired items: gone by the local clock, seen by stream and export, marked as the service's own deletions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.dynamo import Place, make_place
from tests.local_aws.roles import make_role

WITHIN_S = 20


@pytest.fixture
def place(running: RunningLocalAws, client: Callable[..., Any]) -> Place:
    """A table whose items expire by `ends`."""
    made = make_place(running, client)
    switch(made, on=True)
    return made


def switch(place: Place, *, on: bool, attribute: str = "ends") -> None:
    specification = {"AttributeName": attribute, "Enabled": on}
    place.dynamodb.update_time_to_live(TableName=place.table, TimeToLiveSpecification=specification)


def put(place: Place, key: str, **attributes: Any) -> None:
    place.dynamodb.put_item(TableName=place.table, Item={"pk": {"S": key}, "sk": {"N": "0"}, **attributes})


def ends_in(place: Place, seconds: int) -> dict[str, str]:
    return {"N": str(int(place.now().timestamp()) + seconds)}


def keys(place: Place) -> set[str]:
    return {item["pk"]["S"] for item in place.dynamodb.scan(TableName=place.table)["Items"]}


def keys_without(place: Place, gone: str) -> set[str]:
    """The keys once `gone` is gone."""
    deadline = time.monotonic() + WITHIN_S
    while gone in (found := keys(place)):
        assert time.monotonic() < deadline, f"{gone} has not expired within {WITHIN_S} s"
        time.sleep(0.05)
    return found


def advance(place: Place, seconds: int) -> None:
    place.running.ask("POST", "/_local/clock", {"advance": seconds})


def records(place: Place, client: Callable[..., Any]) -> list[dict[str, Any]]:
    streams = client("dynamodbstreams")
    arn = place.dynamodb.describe_table(TableName=place.table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return found


def test_an_item_goes_once_the_local_clock_has_passed_its_time(place: Place) -> None:
    put(place, "soon", ends=ends_in(place, 1000))
    put(place, "later", ends=ends_in(place, 100_000))
    put(place, "text", ends={"S": "1000"})
    put(place, "ancient", ends={"N": "1000"})
    put(place, "never")
    advance(place, 900)
    time.sleep(0.6)
    assert "soon" in keys(place)
    advance(place, 200)
    assert keys_without(place, "soon") == {"later", "text", "ancient", "never"}


def test_the_stream_says_whose_deletion_it_is(place: Place, client: Callable[..., Any]) -> None:
    put(place, "expires", ends=ends_in(place, 10))
    put(place, "deleted")
    place.dynamodb.delete_item(TableName=place.table, Key={"pk": {"S": "deleted"}, "sk": {"N": "0"}})
    advance(place, 200)
    keys_without(place, "expires")
    removed = {
        one["dynamodb"]["Keys"]["pk"]["S"]: one for one in records(place, client) if one["eventName"] == "REMOVE"
    }
    assert removed["expires"]["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert "userIdentity" not in removed["deleted"]
    assert "NewImage" not in removed["expires"]["dynamodb"]


def test_an_export_of_the_window_holds_the_deletion(place: Place) -> None:
    put(place, "expires", ends=ends_in(place, 1500))
    start = place.next_edge(1000)
    advance(place, 1000)
    keys_without(place, "expires")
    end = place.next_edge(1000)
    lines = place.read_lines(place.export_window(start, end))
    assert [(line["Keys"]["pk"]["S"], "NewImage" in line) for line in lines] == [("expires", False)]


def test_an_item_that_is_prolonged_in_time_stays(place: Place) -> None:
    put(place, "kept", ends=ends_in(place, 100))
    put(place, "kept", ends=ends_in(place, 100_000))
    put(place, "goes", ends=ends_in(place, 100))
    advance(place, 300)
    assert keys_without(place, "goes") == {"kept"}


def test_it_is_described_and_refuses_what_aws_refuses(place: Place) -> None:
    def described() -> dict[str, Any]:
        found: dict[str, Any] = place.dynamodb.describe_time_to_live(TableName=place.table)["TimeToLiveDescription"]
        return found

    assert described() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}
    with pytest.raises(ClientError, match=r"ValidationException.*already enabled"):
        switch(place, on=True)
    with pytest.raises(ClientError, match=r"ValidationException.*different AttributeName"):
        switch(place, on=True, attribute="other")
    switch(place, on=False)
    assert described() == {"TimeToLiveStatus": "DISABLED"}
    with pytest.raises(ClientError, match=r"ValidationException.*already disabled"):
        switch(place, on=False)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        place.dynamodb.describe_time_to_live(TableName="no-such-table")


def test_a_role_needs_the_right(place: Place, client: Callable[..., Any]) -> None:
    arn = make_role(client, f"r-{uuid.uuid4().hex[:8]}", "self", ["dynamodb:DescribeTimeToLive"], [place.arn])
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="reader")["Credentials"]
    reader = client("dynamodb", keys)
    reader.describe_time_to_live(TableName=place.table)
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.update_time_to_live(
            TableName=place.table, TimeToLiveSpecification={"AttributeName": "ends", "Enabled": False}
        )
