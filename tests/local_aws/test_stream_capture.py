"""The stream function of a deployed stack, on local AWS: every write becomes one line of a change file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from include.deploy.deployment import Choices, deploy
from include.deploy.tables import SourceTableError
from include.dynamo_lake.declaration import Source, pipeline_names, read_declaration
from include.dynamo_lake.dynamodb_json import key_text
from include.local_aws.process import ROOT, local_aws
from tests.local_aws.capturing import Captured, Writer, heard_in

_SHIPPED = read_declaration(pipeline_names()[0])
PIPELINE = replace(_SHIPPED, schedule=replace(_SHIPPED.schedule, mode="both"))
QUICK = {"MaximumBatchingWindowInSeconds": 0, "BatchSize": 9}
AS_IN_THE_TEMPLATE = {"MaximumBatchingWindowInSeconds": 5, "BatchSize": 1000}


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Captured]:
    with local_aws(tmp_path_factory.mktemp("aws")) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        deployed = deploy(boto3.Session(), ROOT, PIPELINE, Choices(), lambda line: None)
        made = Captured(running, PIPELINE, deployed)
        made.set_mappings(**QUICK)
        yield made


def test_every_write_is_heard_once_per_file_in_order_though_batches_come_again(captured: Captured) -> None:
    captured.running.ask("POST", "/_local/streams", {"repeat": 0.4, "reorder": True, "seed": 3})
    writers = {source: Writer(captured, source, seed) for seed, source in enumerate(PIPELINE.sources)}
    for writer in writers.values():
        writer.write(60)
    for source, writer in writers.items():
        files = captured.await_changes(source, writer.changes)
        assert _same_images(heard_in(files), writer.heard)
        for lines in files.values():
            sequences = [one.version.sequence for one in lines]
            assert sequences == sorted(set(sequences))
    captured.running.ask("POST", "/_local/streams", {})
    assert captured.objects("rejected/") == {}


def _same_images(heard: dict[str, list[str | None]], written: dict[str, list[str | None]]) -> bool:
    def by_name(image: str | None) -> Any:
        return None if image is None else json.loads(image)

    return {key: list(map(by_name, images)) for key, images in heard.items()} == {
        key: list(map(by_name, images)) for key, images in written.items()
    }


def test_each_file_woke_the_queue(captured: Captured) -> None:
    sqs, url = captured.client("sqs"), captured.deployed.outputs["WakeUpQueueUrl"]
    named: set[str] = set()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            named |= set(json.loads(message["Body"])["keys"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert named == captured.objects("inbox/").keys()


def test_what_s3_refuses_is_delivered_again(captured: Captured) -> None:
    before = captured.count_changes(PIPELINE.main)
    refusals = 5  # more than one invocation tries
    captured.running.ask(
        "POST", "/_local/faults", {"target": "s3.PUT", "code": "SlowDown", "status": 503, "times": refusals}
    )
    writer = Writer(captured, PIPELINE.main, 99)
    writer.write(1)
    captured.await_changes(PIPELINE.main, before + 1)


def test_a_poison_record_is_put_aside_and_the_rest_of_its_batch_goes_on(captured: Captured) -> None:
    source = PIPELINE.main
    before = captured.count_changes(source)
    good, poison = (_record(captured, source, number) for number in (1, 2))
    del poison["dynamodb"]["Keys"]
    answer = captured.client("lambda").invoke(
        FunctionName=f"{PIPELINE.name}-capture", Payload=json.dumps({"Records": [poison, good]})
    )
    assert json.load(answer["Payload"]) == {"batchItemFailures": []}
    assert captured.count_changes(source) == before + 1
    ((line,),) = captured.objects(f"rejected/{source.id}/").values()
    assert "no object 'Keys'" in json.loads(line)["reason"]


def _record(captured: Captured, source: Source, number: int) -> dict[str, Any]:
    keys = {attribute.name: {attribute.type: str(number)} for attribute in source.key}
    change = {
        "ApproximateCreationDateTime": 1_795_485_600,
        "SequenceNumber": f"{number}",
        "Keys": keys,
        "NewImage": keys,
    }
    arn = captured.deployed.outputs["MainStreamArn"]
    return {"eventID": f"e{number}", "eventName": "INSERT", "eventSourceARN": arn, "dynamodb": change}


def test_what_was_given_up_comes_back_by_the_runbooks_script(captured: Captured) -> None:
    source, sqs = PIPELINE.main, captured.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{PIPELINE.name}-capture-failed")["QueueUrl"]
    before = captured.count_changes(source)
    rejected = captured.objects("rejected/")
    once = {"BatchSize": 1000, "MaximumBatchingWindowInSeconds": 2, "MaximumRetryAttempts": 0}
    captured.set_mappings(**once, BisectBatchOnFunctionError=False)
    refused = {"target": "s3.PUT", "match": "inbox/", "code": "SlowDown", "status": 503, "times": 1000}
    captured.running.ask("POST", "/_local/faults", refused)
    writer = Writer(captured, source, 101)
    writer.write(150)  # more than a page of the script
    _await(lambda: _given_up(captured, queue) == writer.changes, captured.running.log_path.read_text)
    captured.running.ask("POST", "/_local/faults", {})
    (script,) = re.findall(r"^```python\n(.*?)^```", _runbook("Capture failures"), re.MULTILINE | re.DOTALL)
    exec(script, {})
    assert captured.count_changes(source) == before + writer.changes
    assert captured.objects("rejected/") == rejected
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"
    captured.set_mappings(**QUICK, MaximumRetryAttempts=1000, BisectBatchOnFunctionError=True)


def _runbook(entry: str) -> str:
    return (ROOT / "docs" / "runbook.md").read_text().partition(f"## {entry}\n")[2].partition("\n## ")[0]


def _given_up(captured: Captured, queue: str) -> int:
    """How many records the messages of a queue name (it holds a few); they stay in it, for the next to see."""
    answer = captured.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    bodies = {one["MessageId"]: json.loads(one["Body"]) for one in answer.get("Messages", [])}
    return sum(body["DDBStreamBatchInfo"]["batchSize"] for body in bodies.values())


def _await(condition: Callable[[], bool], said: Callable[[], Any], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def test_an_expired_item_is_heard_as_a_deletion(captured: Captured) -> None:
    source, dynamodb = PIPELINE.main, captured.client("dynamodb")
    before = captured.count_changes(source)
    specification = {"AttributeName": "ends", "Enabled": True}
    dynamodb.update_time_to_live(TableName=source.table, TimeToLiveSpecification=specification)
    key = {attribute.name: {attribute.type: "expires"} for attribute in source.key}
    dynamodb.put_item(TableName=source.table, Item={**key, "ends": {"N": str(int(time.time()) + 60)}})
    captured.await_changes(source, before + 1)
    captured.running.ask("POST", "/_local/clock", {"advance": 200})
    heard = heard_in(captured.await_changes(source, before + 2))[key_text(source.key, key)]
    assert [image is None for image in heard] == [False, True]


def test_the_functions_role_was_refused_nothing_and_did_only_its_work(captured: Captured) -> None:
    decisions = captured.running.ask("GET", "/_local/decisions")["decisions"]
    own = [one for one in decisions if one["principal"].startswith(f"{PIPELINE.name}-capture-")]
    assert {one["action"] for one in own if one["allowed"]} >= {
        "dynamodb:GetRecords",
        "s3:PutObject",
        "sqs:SendMessage",
    }
    assert [one for one in own if not one["allowed"]] == []


def test_a_stream_without_images_is_named_and_a_new_stream_is_mapped_by_deploying_again(captured: Captured) -> None:
    source, old = PIPELINE.main, captured.deployed.outputs["MainStreamArn"]
    captured.set_mappings(**AS_IN_THE_TEMPLATE)
    _turn_stream(captured, source, "KEYS_ONLY")
    with pytest.raises(SourceTableError, match=r"shows KEYS_ONLY.*StreamViewType=NEW_AND_OLD_IMAGES"):
        deploy(boto3.Session(), ROOT, PIPELINE, Choices(), lambda line: None)
    _turn_stream(captured, source, "NEW_IMAGE")
    deployed = deploy(boto3.Session(), ROOT, PIPELINE, Choices(), lambda line: None)
    assert deployed.outputs["MainStreamArn"] != old
    captured.set_mappings(**QUICK)
    before = captured.count_changes(source)
    writer = Writer(captured, source, 100)
    writer.write(1)
    files = captured.await_changes(source, before + 1)
    label = deployed.outputs["MainStreamArn"].rpartition("/")[2].replace("-", "").replace(":", "")
    assert any(f"/{label}-" in key for key in files)


def _turn_stream(captured: Captured, source: Source, view: str) -> None:
    update: Callable[..., Any] = captured.client("dynamodb").update_table
    update(TableName=source.table, StreamSpecification={"StreamEnabled": False})
    update(TableName=source.table, StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
