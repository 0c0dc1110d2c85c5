"""A deployed pipeline that captures its streams, random writes to its tables, and what was heard of them."""

from __future__ import annotations

import gzip
import json
import random
import time
from dataclasses import dataclass
from typing import Any

from include.deploy.deployment import Deployed
from include.dynamo_lake.declaration import Pipeline, Source
from include.dynamo_lake.dynamodb_json import json_text, key_text, parse_json
from include.dynamo_lake.statements import Line, Statement, parse_inbox_line
from include.dynamo_lake.versions import Version
from include.local_aws.process import RunningLocalAws
from tests.local_aws.conftest import make_client


def _versions(files: dict[str, list[Statement]]) -> set[Version]:
    return {one.version for lines in files.values() for one in lines}


@dataclass(frozen=True)
class Captured:
    """The deployed pipeline on a local AWS of its own."""

    running: RunningLocalAws
    pipeline: Pipeline
    deployed: Deployed

    def client(self, service: str) -> Any:
        return make_client(self.running, service)

    @property
    def bucket(self) -> str:
        return self.deployed.outputs["Bucket"]

    def objects(self, prefix: str) -> dict[str, list[str]]:
        """Lines by key of every object under a prefix."""
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        bodies = {one["Key"]: s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read() for one in listed}
        return {key: [line.decode() for line in gzip.decompress(body).splitlines()] for key, body in bodies.items()}

    def files(self, source: Source) -> dict[str, list[Statement]]:
        """The inbox of a source, as the merge reads it."""
        return {
            key: [parse_inbox_line(source, line, Line(key, number)) for number, line in enumerate(lines, 1)]
            for key, lines in self.objects(f"inbox/{source.id}/").items()
        }

    def count_changes(self, source: Source) -> int:
        """How many different changes the inbox of a source holds."""
        return len(_versions(self.files(source)))

    def await_changes(self, source: Source, count: int, within_s: float = 30) -> dict[str, list[Statement]]:
        """The inbox of a source, once it holds `count` different changes."""
        deadline = time.monotonic() + within_s
        while len(_versions(files := self.files(source))) < count:
            assert time.monotonic() < deadline, f"{files}\n{self.running.log_path.read_text()[-3000:]}"
            time.sleep(0.1)
        return files

    def set_mappings(self, **settings: Any) -> None:
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        for mapping in mappings:
            self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], **settings)


class Writer:
    """Random writes to one source's table, and what they must be heard as: image texts by key, in order."""

    def __init__(self, captured: Captured, source: Source, seed: int) -> None:
        self._dynamodb = captured.client("dynamodb")
        self._source = source
        self._random = random.Random(seed)
        self._present: dict[str, dict[str, Any]] = {}
        self.heard: dict[str, list[str | None]] = {}

    @property
    def changes(self) -> int:
        return sum(map(len, self.heard.values()))

    def write(self, times: int) -> None:
        for _ in range(times):
            self._act(self._key(self._random.randrange(8)))

    def _key(self, number: int) -> dict[str, Any]:
        return {attribute.name: {attribute.type: f"{attribute.name}-{number}"} for attribute in self._source.key}

    def _act(self, key: dict[str, Any]) -> None:
        text = key_text(self._source.key, key)
        table = self._source.table
        if text in self._present and self._random.random() < 0.3:
            self._dynamodb.delete_item(TableName=table, Key=key)
            del self._present[text]
            self.heard[text].append(None)
            return
        value = {"N": str(self._random.randrange(10**30))}
        item = {
            **key,
            "value": value,
            "note": {"S": f"é\u2028 {self._random.random()}"},
            "list": {"L": [{"NULL": True}]},
        }
        self._dynamodb.put_item(TableName=table, Item=item)
        self._present[text] = item
        self.heard.setdefault(text, []).append(json_text(parse_json(json.dumps(item))))


def heard_in(files: dict[str, list[Statement]]) -> dict[str, list[str | None]]:
    """Images by key in the order of their versions, each version once."""
    newest = {(one.key, one.version): one for lines in files.values() for one in lines}
    heard: dict[str, list[str | None]] = {}
    for _, one in sorted(newest.items()):
        heard.setdefault(one.key, []).append(one.image)
    return heard
