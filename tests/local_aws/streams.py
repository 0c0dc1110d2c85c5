"""What tests of stream mappings share: a table, a function under a role of its own, queues, and what they received."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.local_aws.process import RunningLocalAws
from tests.local_aws.dynamo import Place, make_place

# Notes every call in a file, then answers as the items say: `fail` raises, `report` names its record.
FUNCTION = """
import json, os

def handle(event, context):
    records = event["Records"]
    notes = [r["dynamodb"].get("NewImage", {}).get("do", {}).get("S", "") for r in records]
    numbers = [r["dynamodb"]["SequenceNumber"] for r in records]
    call = {
        "stream": records[0]["eventSourceARN"],
        "keys": [r["dynamodb"]["Keys"]["pk"]["S"] for r in records],
        "numbers": numbers,
        "seconds": [r["dynamodb"]["ApproximateCreationDateTime"] for r in records],
        "access_key": os.environ["AWS_ACCESS_KEY_ID"],
    }
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps(call) + "\\n")
    if "fail" in notes:
        raise ValueError("told to fail")
    if "nonsense" in notes:
        return {"batchItemFailures": [{"itemIdentifier": "unheard of"}]}
    return {"batchItemFailures": [{"itemIdentifier": n} for n, note in zip(numbers, notes) if note == "report"]}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
STREAM_READS = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]


@dataclass(frozen=True)
class Function:
    """A function under a role of its own, and the file in which it notes its calls."""

    name: str
    calls: Path


@dataclass
class StreamPlace:
    """A table with a stream, the function, and a queue of failures. `seen`: how many calls a test has read."""

    place: Place
    client: Callable[..., Any]
    function: Function
    failures_url: str
    failures_arn: str
    mappings: list[str] = field(default_factory=list)
    seen: int = 0

    @property
    def stream_arn(self) -> str:
        return str(self.place.dynamodb.describe_table(TableName=self.place.table)["Table"]["LatestStreamArn"])

    def put(self, key: str, do: str = "", **attributes: Any) -> None:
        item = {"pk": {"S": key}, "sk": {"N": "0"}, "do": {"S": do}, **attributes}
        self.place.dynamodb.put_item(TableName=self.place.table, Item=item)

    def put_all(self, *keys: str, do: str = "") -> None:
        """Write items in one transaction, so that they lie in the stream side by side."""
        puts = [{"Put": {"TableName": self.place.table, "Item": self._item(key, do)}} for key in keys]
        self.place.dynamodb.transact_write_items(TransactItems=puts)

    def _item(self, key: str, do: str) -> dict[str, Any]:
        key, _, own = key.partition(":")
        return {"pk": {"S": key}, "sk": {"N": "0"}, "do": {"S": own or do}}

    def map(self, **settings: Any) -> str:
        """Create a mapping; returns its UUID."""
        answer = self.client("lambda").create_event_source_mapping(
            EventSourceArn=self.stream_arn,
            FunctionName=self.function.name,
            StartingPosition=settings.pop("StartingPosition", "TRIM_HORIZON"),
            DestinationConfig={"OnFailure": {"Destination": self.failures_arn}},
            **settings,
        )
        self.mappings.append(answer["UUID"])
        return str(answer["UUID"])

    def describe(self, mapping: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("lambda").get_event_source_mapping(UUID=mapping)
        return found

    def calls(self, until: Callable[[list[dict[str, Any]]], bool], within_s: float = 30) -> list[dict[str, Any]]:
        """The calls for this table since the last look, in order, once `until` holds."""
        deadline = time.monotonic() + within_s
        while not until(found := self._noted()[self.seen :]):
            assert time.monotonic() < deadline, f"only {found}\n{self.place.running.log_path.read_text()[-2000:]}"
            time.sleep(0.02)
        self.seen += len(found)
        return found

    def _noted(self) -> list[dict[str, Any]]:
        lines = self.function.calls.read_text().splitlines() if self.function.calls.exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if f"table/{self.place.table}/" in call["stream"]]

    def failures(self, count: int, within_s: float = 30) -> list[dict[str, Any]]:
        """The messages of the failure queue, once there are `count`."""
        sqs = self.client("sqs")
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + within_s
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {found}\n{self.place.running.log_path.read_text()[-2000:]}"
            for message in sqs.receive_message(QueueUrl=self.failures_url).get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.failures_url, ReceiptHandle=message["ReceiptHandle"])
            time.sleep(0.02)
        return found

    def quiet_for(self, seconds: float) -> list[dict[str, Any]]:
        """The calls of the next seconds."""
        time.sleep(seconds)
        return self.calls(lambda found: True)

    def result(self, mapping: str, text: str, within_s: float = 30) -> str:
        """The mapping's last result, once it holds `text`."""
        deadline = time.monotonic() + within_s
        while text not in (result := str(self.describe(mapping)["LastProcessingResult"])):
            assert time.monotonic() < deadline, result
            time.sleep(0.05)
        return result

    def close(self) -> None:
        for mapping in self.mappings:
            self.client("lambda").delete_event_source_mapping(UUID=mapping)


def keys_of(calls: list[dict[str, Any]]) -> list[list[str]]:
    return [call["keys"] for call in calls]


def heard(*keys: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Until every one of these keys was in some call."""
    return lambda calls: set(keys) <= {key for call in calls for key in call["keys"]}


def zip_of(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


def make_function(client: Callable[..., Any], folder: Path, *, reads: bool = True) -> Function:
    """A function whose role may read every stream (unless told not to) and tell every queue of this account."""
    name, calls = f"f-{uuid.uuid4().hex[:8]}", folder / "calls.jsonl"
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statements = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]
    if reads:
        statements.append({"Effect": "Allow", "Action": STREAM_READS, "Resource": "*"})
    policy = {"Version": "2012-10-17", "Statement": statements}
    client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="index.handle",
        Role=role,
        Code={"ZipFile": zip_of(FUNCTION)},
        Timeout=10,
        Environment={"Variables": {"CALLS": str(calls)}},
    )
    return Function(name, calls)


def make_stream_place(running: RunningLocalAws, client: Callable[..., Any], function: Function) -> StreamPlace:
    place = make_place(running, client, pitr=False)
    url = client("sqs").create_queue(QueueName=f"{place.table}-failures")["QueueUrl"]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return StreamPlace(place, client, function, url, found["QueueArn"])
