"""Event source mappings: batches, order, retries, bisecting, partial responses, age, failures, as AWS has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from include.local_aws.stream_mapping.disturbance import Disturbance
from tests.local_aws.streams import Function, StreamPlace, heard, keys_of, make_function, make_stream_place

PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


@pytest.fixture(scope="module")
def function(client: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Function:
    return make_function(client, tmp_path_factory.mktemp("function"))


@pytest.fixture
def streams(running: RunningLocalAws, client: Callable[..., Any], function: Function) -> Iterator[StreamPlace]:
    made = make_stream_place(running, client, function)
    yield made
    made.close()
    running.ask("POST", "/_local/streams", {})


def test_records_arrive_in_order_under_the_functions_own_role(streams: StreamPlace) -> None:
    streams.put("a")
    streams.put("b")
    streams.put("a", do="again")
    mapping = streams.map()
    calls = streams.calls(heard("a", "b"))
    assert [key for call in calls for key in call["keys"]] == ["a", "b", "a"]
    numbers = [number for call in calls for number in call["numbers"]]
    assert numbers == sorted(numbers)
    assert {call["access_key"][:4] for call in calls} == {"ASIA"}
    assert streams.result(mapping, "OK") == "OK"


def test_records_carry_the_local_second_rounded_down(streams: StreamPlace) -> None:
    before = streams.place.now()
    streams.put("a")
    after = streams.place.now()
    streams.map()
    ((second,),) = [call["seconds"] for call in streams.calls(heard("a"))]
    assert int(before.timestamp()) <= second <= int(after.timestamp())
    assert isinstance(second, int)


def test_a_batch_waits_for_its_window_or_its_size(streams: StreamPlace) -> None:
    streams.map(BatchSize=3, MaximumBatchingWindowInSeconds=3)
    streams.put_all("a", "b", "c", "d")
    began = time.monotonic()
    assert keys_of(streams.calls(heard("a"))) == [["a", "b", "c"]]
    full_after_s = time.monotonic() - began
    assert keys_of(streams.calls(heard("d"))) == [["d"]]
    assert full_after_s < 2.5
    assert time.monotonic() - began >= 2.8


def test_a_batchs_window_passes_by_the_local_clock(streams: StreamPlace) -> None:
    streams.map(MaximumBatchingWindowInSeconds=300)
    streams.put("a")
    assert streams.quiet_for(1) == []
    streams.place.running.ask("POST", "/_local/clock", {"advance": 300})
    assert keys_of(streams.calls(heard("a"))) == [["a"]]


def undelivered(streams: StreamPlace) -> dict[str, int]:
    counts: dict[str, int] = streams.place.running.ask("GET", "/_local/status")["undelivered"]
    return counts


def await_undelivered(streams: StreamPlace, **counts: int) -> None:
    deadline = time.monotonic() + 30
    while (found := undelivered(streams)) != counts:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_the_status_counts_what_no_call_has_brought_yet(streams: StreamPlace) -> None:
    streams.map(MaximumBatchingWindowInSeconds=2)
    streams.put_all("a", "b")
    assert undelivered(streams) == {"under_way": 2, "held_back": 0}, "at once, before the mapping has looked"
    streams.quiet_for(0.5)
    assert undelivered(streams) == {"under_way": 2, "held_back": 0}
    await_undelivered(streams, under_way=0, held_back=0)
    assert keys_of(streams.calls(lambda found: True)) == [["a", "b"]]


def test_what_a_failing_function_keeps_back_is_not_under_way(streams: StreamPlace) -> None:
    streams.map()
    streams.put("a", do="fail")
    await_undelivered(streams, under_way=0, held_back=1)
    streams.put("b")
    await_undelivered(streams, under_way=0, held_back=2)


def test_what_a_partial_response_keeps_back_is_not_under_way(streams: StreamPlace) -> None:
    streams.map(**PARTIAL)
    streams.put("a", do="report")
    await_undelivered(streams, under_way=0, held_back=1)


def test_what_waits_for_a_disabled_mapping_is_not_under_way(streams: StreamPlace) -> None:
    mapping = streams.map()
    update = streams.client("lambda").update_event_source_mapping
    update(UUID=mapping, Enabled=False)
    streams.put("a")
    await_undelivered(streams, under_way=0, held_back=1)
    update(UUID=mapping, Enabled=True)
    streams.calls(heard("a"))
    await_undelivered(streams, under_way=0, held_back=0)


def test_only_latest_starts_at_the_end_of_the_stream(streams: StreamPlace) -> None:
    streams.put("old")
    streams.map(StartingPosition="LATEST")
    streams.put("new")
    assert keys_of(streams.calls(heard("new"))) == [["new"]]


def test_a_failing_batch_is_halved_until_the_culprit_stands_alone_and_is_given_up(streams: StreamPlace) -> None:
    streams.put_all("a", "b", "c:nonsense", "d")
    streams.map(BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, **PARTIAL)
    (failure,) = streams.failures(1)
    calls = keys_of(streams.calls(heard("d")))
    assert calls[:2] == [["a", "b", "c", "d"], ["a", "b"]]
    assert [call for call in calls if "c" not in call and "d" in call] == [["d"]]
    assert calls.count(["c"]) == 2, "one try and one retry; halving does not count"
    batch = failure["DDBStreamBatchInfo"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert batch["batchSize"] == 1
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
    assert batch["streamArn"] == streams.stream_arn


def test_without_halving_the_whole_batch_is_retried_and_given_up_together(streams: StreamPlace) -> None:
    streams.put_all("a", "b:fail")
    streams.map(MaximumRetryAttempts=1)
    (failure,) = streams.failures(1)
    assert failure["DDBStreamBatchInfo"]["batchSize"] == 2
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert failure["responseContext"]["functionError"] == "Unhandled"
    assert "told to fail" not in str(failure), "the message holds addresses, never contents"
    assert keys_of(streams.calls(lambda calls: len(calls) >= 2)) == [["a", "b"]] * 2
    streams.put("c")
    assert keys_of(streams.calls(heard("c"))) == [["c"]], "the lane goes on behind what was given up"


def test_a_partial_response_retries_from_its_record_on(streams: StreamPlace) -> None:
    streams.put_all("a", "b:report", "c")
    streams.map(MaximumRetryAttempts=0, **PARTIAL)
    (failure,) = streams.failures(1)
    assert keys_of(streams.calls(heard("c"))) == [["a", "b", "c"], ["b", "c"]]
    assert failure["DDBStreamBatchInfo"]["batchSize"] == 2


def test_a_partial_response_counts_only_where_it_was_asked_for(streams: StreamPlace) -> None:
    streams.put_all("a", "b:report")
    streams.map(MaximumRetryAttempts=0)
    assert keys_of(streams.calls(heard("b"))) == [["a", "b"]]
    assert streams.quiet_for(0.5) == []


def test_a_response_that_names_no_record_of_the_batch_fails_it_whole(streams: StreamPlace) -> None:
    streams.put_all("a", "b:nonsense")
    streams.map(MaximumRetryAttempts=0, **PARTIAL)
    assert streams.failures(1)[0]["DDBStreamBatchInfo"]["batchSize"] == 2


def test_records_beyond_the_age_limit_are_given_up_by_the_local_clock(streams: StreamPlace) -> None:
    streams.put("old", do="fail")
    second = streams.place.now().replace(microsecond=0)
    streams.place.running.ask("POST", "/_local/clock", {"advance": 120})
    streams.put("new")
    streams.map(MaximumRecordAgeInSeconds=60)
    (failure,) = streams.failures(1)
    assert failure["requestContext"] | {"requestId": "", "functionArn": ""} == {
        "requestId": "",
        "functionArn": "",
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 0,
    }
    arrived = datetime.fromisoformat(failure["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"])
    assert abs(arrived - second) <= timedelta(seconds=1)
    assert keys_of(streams.calls(heard("new"))) == [["new"]]


def test_records_older_than_a_day_are_gone_from_the_stream_and_named(streams: StreamPlace) -> None:
    streams.put("expired")
    streams.place.running.ask("POST", "/_local/clock", {"advance": 24 * 3600 + 2})
    mapping = streams.map()
    streams.result(mapping, "expired unread")
    streams.put("new")
    assert keys_of(streams.calls(heard("new"))) == [["new"]]


def test_lanes_run_side_by_side_and_keep_the_order_of_each_item(streams: StreamPlace) -> None:
    streams.map(ParallelizationFactor=4, BatchSize=5)
    written = [f"k{number % 6}" for number in range(60)]
    for number, key in enumerate(written):
        streams.put(key, n={"N": str(number)})
    calls = streams.calls(lambda found: sum(len(call["keys"]) for call in found) >= 60, within_s=15)
    by_key: dict[str, list[str]] = {}
    for call in calls:
        for key, number in zip(call["keys"], call["numbers"], strict=True):
            by_key.setdefault(key, []).append(number)
    assert {key: len(numbers) for key, numbers in by_key.items()} == dict.fromkeys(written, 10)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert max(len(call["keys"]) for call in calls) <= 5


def test_at_least_once_repeats_and_reorders_but_loses_nothing(streams: StreamPlace) -> None:
    streams.place.running.ask("POST", "/_local/streams", {"repeat": 0.9, "reorder": True, "seed": 7})
    keys = [f"k{number}" for number in range(12)]
    streams.put_all(*keys)
    streams.map()
    calls = streams.calls(heard(*keys))
    heard_keys = [key for call in [*calls, *streams.quiet_for(0.5)] for key in call["keys"]]
    assert set(heard_keys) == set(keys)
    assert len(heard_keys) > len(keys)
    assert list(dict.fromkeys(heard_keys)) != keys


def test_what_comes_again_is_the_same_mappings() -> None:
    disturbance = Disturbance()
    disturbance.set({"repeat": 1})
    for _ in range(9):
        for mapping in ("one", "other"):
            batches = disturbance.batches(mapping, [{"of": mapping}])
            assert {record["of"] for batch in batches for record in batch} == {mapping}


def test_a_disabled_mapping_reads_nothing_and_goes_on_where_it_stood(streams: StreamPlace) -> None:
    mapping = streams.map()
    streams.put("a")
    streams.calls(heard("a"))
    update = streams.client("lambda").update_event_source_mapping
    assert update(UUID=mapping, Enabled=False)["State"] == "Disabled"
    streams.put("b")
    assert streams.quiet_for(0.4) == []
    update(UUID=mapping, Enabled=True, BatchSize=7)
    assert keys_of(streams.calls(heard("b"))) == [["b"]]
    assert streams.describe(mapping)["BatchSize"] == 7


def test_a_stream_that_is_turned_off_and_on_has_another_arn_and_the_mapping_says_so(streams: StreamPlace) -> None:
    mapping = streams.map()
    old = streams.stream_arn
    update = streams.place.dynamodb.update_table
    update(TableName=streams.place.table, StreamSpecification={"StreamEnabled": False})
    update(
        TableName=streams.place.table,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    assert streams.stream_arn != old
    assert f"{old} is disabled" in streams.result(mapping, "another ARN")
    streams.put("a")
    assert streams.quiet_for(0.4) == []
    streams.map()
    assert keys_of(streams.calls(heard("a"))) == [["a"]]


def test_a_mapping_is_described_with_every_default(streams: StreamPlace) -> None:
    found = streams.describe(streams.map())
    defaults = {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Enabled",
        "EventSourceArn": streams.stream_arn,
    }
    assert {name: found[name] for name in defaults} == defaults
    assert abs(found["LastModified"] - streams.place.now()) < timedelta(seconds=30)
    listed = streams.client("lambda").list_event_source_mappings(FunctionName=streams.function.name)[
        "EventSourceMappings"
    ]
    assert [one["UUID"] for one in listed] == streams.mappings


def test_a_deleted_mapping_is_gone_and_calls_nobody(streams: StreamPlace) -> None:
    mapping = streams.map()
    streams.client("lambda").delete_event_source_mapping(UUID=streams.mappings.pop())
    streams.put("a")
    assert streams.quiet_for(0.4) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        streams.describe(mapping)


def test_a_role_that_may_not_read_the_stream_gets_no_mapping(
    running: RunningLocalAws, client: Callable[..., Any], tmp_path: Path
) -> None:
    place = make_stream_place(running, client, make_function(client, tmp_path, reads=False))
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*ensure the role can perform"):
        place.map()


REFUSED = [
    ({"BatchSize": 10_001}, "InvalidParameterValueException.*BatchSize"),
    ({"MaximumRecordAgeInSeconds": 59}, "at least 60"),
    ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "NotImplementedByLocalAws.*nothing would be filtered"),
    ({"TumblingWindowInSeconds": 5}, "NotImplementedByLocalAws"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[next(iter(one)) for one, _ in REFUSED])
def test_what_aws_refuses_or_nobody_here_acts_on_is_refused(
    streams: StreamPlace, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        streams.map(**settings)


def test_a_second_mapping_of_the_same_stream_and_function_is_refused(streams: StreamPlace) -> None:
    mapping = streams.map()
    with pytest.raises(ClientError, match=rf"ResourceConflictException.*already exists.*{mapping}"):
        streams.map()


def test_a_queue_as_source_is_refused(streams: StreamPlace) -> None:
    with pytest.raises(ClientError, match="only DynamoDB streams are read"):
        streams.client("lambda").create_event_source_mapping(
            EventSourceArn=streams.failures_arn, FunctionName=streams.function.name
        )
