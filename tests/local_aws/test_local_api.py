"""Local AWS's own requests: status, clock, faults; and the Date of every answer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.clock import Clock, parse_instant
from include.local_aws.process import AWS_PYTHON, ROOT, RunningLocalAws, start_local_aws
from tests.local_aws.dynamo import make_place


def local_now(running: RunningLocalAws) -> datetime:
    return parse_instant(running.ask("GET", "/_local/status")["now"])


def test_the_clock_only_moves_forward(running: RunningLocalAws) -> None:
    before = local_now(running)
    after = parse_instant(running.ask("POST", "/_local/clock", {"advance": 600})["now"])
    assert timedelta(seconds=600) <= after - before < timedelta(seconds=610)
    for refused in (-1, 366 * 86_400 + 1, 100_000_000_000_000, 10**400):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            running.ask("POST", "/_local/clock", {"advance": refused})


@pytest.mark.parametrize("service", ["s3", "dynamodb", "glue"])
def test_every_answers_date_is_the_local_clocks(
    running: RunningLocalAws, client: Callable[..., Any], service: str
) -> None:
    calls = {"s3": "list_buckets", "dynamodb": "list_tables", "glue": "get_databases"}
    answer = getattr(client(service), calls[service])()
    stamped = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert abs(stamped - local_now(running)) < timedelta(seconds=5)
    assert datetime.now(UTC) - stamped > timedelta(minutes=1) or stamped > datetime.now(UTC)


def test_the_token_is_per_instance_and_unknown_paths_say_what_there_is(running: RunningLocalAws) -> None:
    status = running.ask("GET", "/_local/status")
    assert status["ready"] is True
    assert status["token"] in running.log_path.read_text()
    with pytest.raises(urllib.error.HTTPError) as refused:
        running.ask("GET", "/_local/nothing")
    assert b"GET /_local/status" in refused.value.read()


def test_an_armed_fault_strikes_as_often_as_told(running: RunningLocalAws, client: Callable[..., Any]) -> None:
    fault = {"target": "DynamoDB_20120810.ListTables", "code": "ThrottlingException", "message": "slow", "times": 2}
    running.ask("POST", "/_local/faults", fault)
    for _ in range(2):
        with pytest.raises(ClientError, match=r"ThrottlingException.*slow"):
            client("dynamodb").list_tables()
    assert "TableNames" in client("dynamodb").list_tables()


def test_pitr_lags_only_when_told(running: RunningLocalAws, client: Callable[..., Any]) -> None:
    place = make_place(running, client)
    running.ask("POST", "/_local/pitr", {"lag_s": 300})
    try:
        backups = place.dynamodb.describe_continuous_backups(TableName=place.table)["ContinuousBackupsDescription"]
        latest = backups["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
        assert timedelta(seconds=295) < local_now(running) - latest < timedelta(seconds=310)
    finally:
        running.ask("POST", "/_local/pitr", {"lag_s": 0})


def test_pitr_reaches_back_as_many_days_as_set(running: RunningLocalAws, client: Callable[..., Any]) -> None:
    place = make_place(running, client)
    specification = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 1}
    place.dynamodb.update_continuous_backups(TableName=place.table, PointInTimeRecoverySpecification=specification)
    place.next_edge(2 * 86400)
    backups = place.dynamodb.describe_continuous_backups(TableName=place.table)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    reach = recovery["LatestRestorableDateTime"] - recovery["EarliestRestorableDateTime"]
    assert (recovery["RecoveryPeriodInDays"], reach) == (1, timedelta(days=1))


def test_stream_records_carry_the_local_second_of_their_write(
    running: RunningLocalAws, client: Callable[..., Any]
) -> None:
    place = make_place(running, client)
    streams = client("dynamodbstreams")
    seconds = []
    for number in range(3):
        start = place.next_edge(1200)
        place.dynamodb.put_item(TableName=place.table, Item={"pk": {"S": "u"}, "sk": {"N": str(number)}})
        end = place.next_edge(1200)
        (line,) = place.read_lines(place.export_window(start, end))
        seconds.append(int(line["Metadata"]["WriteTimestampMicros"]["N"]) // 1_000_000)
    arn = streams.list_streams(TableName=place.table)["Streams"][0]["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]

    def heard() -> list[float]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        return [record["dynamodb"]["ApproximateCreationDateTime"].timestamp() for record in records]

    assert heard() == seconds
    place.next_edge(24 * 3600 - 1800)
    assert heard() == seconds[2:], "a stream keeps its records for a day"


def test_a_clock_in_the_future_or_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="future"):
        Clock(datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(ValueError, match="offset"):
        Clock(datetime.fromisoformat("2026-01-01T00:00:00"))


def test_it_stops_within_five_seconds_and_dies_with_its_starter(tmp_path: Path) -> None:
    running = start_local_aws(tmp_path / "one")
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(5) == 0
    assert time.monotonic() - started < 5
    script = (
        "import os, signal, sys; from pathlib import Path; from include.local_aws.process import start_local_aws; "
        f"start_local_aws(Path({str(tmp_path / 'two')!r}), python=Path({str(AWS_PYTHON)!r})); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    endpoint = (tmp_path / "two" / "aws.env").read_text().split("=", 1)[1].splitlines()[0]
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(endpoint + "/_local/status", timeout=1)
        except OSError:
            return
        time.sleep(0.2)
    raise AssertionError("local AWS outlived the process that started it")
