"""One mapping at work: read its stream, gather batches, call the function under its role, tell what was given up."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.local_aws import base_functions
from include.local_aws.calls import AwsError, Json
from include.local_aws.stream_mapping.delivery import Attempt, Invocation, deliver
from include.local_aws.stream_mapping.disturbance import Disturbance
from include.local_aws.stream_mapping.failures import build_failure
from include.local_aws.stream_mapping.lanes import Lane, lane_of
from include.local_aws.stream_mapping.model import STREAM_HOURS, StreamMapping, mapping_of
from include.local_aws.table_keys import check_table_key

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

log = logging.getLogger(__name__)
POLL_S = 0.05
_READ_AHEAD = 20_000
_LONGEST_PAUSE_S = 1.0
# After so many failed calls for one batch it counts as held back, with what waits behind it.
_FAILURES_HELD_BACK = 5
READ_ACTIONS = ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams")


@dataclass(frozen=True)
class Undelivered:
    """Counts of records: on their way to the function, and held back until somebody mends something."""

    under_way: int = 0
    held_back: int = 0


class RunningMapping:
    """Lives as long as the base's record of the mapping; changed settings hold from the next batch on."""

    def __init__(self, aws: LocalAws, account: str, region: str, record: Json, disturbance: Disturbance) -> None:
        self._aws = aws
        self._scope = (account, region)
        self.record = record
        self._disturbance = disturbance
        self._position = base_functions.start_position(account, region, record["UUID"])
        self._lanes: list[Lane] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._in_delivery = 0
        self._failures = 0
        self._may_read = True

    @property
    def mapping(self) -> StreamMapping:
        found = mapping_of(*self._scope, self.record)
        assert found is not None, "only mappings of streams are run"
        return found

    def poll(self) -> None:
        """Move new records of the stream into the lanes."""
        mapping = self.mapping
        self._keep_lanes(mapping.lanes)
        room = _READ_AHEAD - sum(map(len, self._lanes))
        if not mapping.enabled or room <= 0:
            return
        page = base_functions.read_stream(mapping.stream, self._position, room)
        if page is None:
            self._say(f"PROBLEM: Stream not found: {mapping.stream.arn}")
        elif page.records:
            self._take(page, mapping)
        elif not page.active:
            self._say(
                f"PROBLEM: Stream {mapping.stream.arn} is disabled. A stream that is enabled again has another ARN: "
                "map the function to that one"
            )

    def _take(self, page: base_functions.StreamPage, mapping: StreamMapping) -> None:
        try:
            self._check_rights(mapping)
        except AwsError as error:
            self._may_read = False
            self._say(f"PROBLEM: {error.message}")
            return
        self._may_read = True
        self._position = page.next_position
        self._queue(page.records, mapping)

    def undelivered(self) -> Undelivered:
        """Records of the stream that were neither delivered nor given up; a mapping that is disabled or gets nowhere holds its back."""
        mapping = self.mapping
        page = base_functions.read_stream(mapping.stream, self._position, _READ_AHEAD)
        waiting = sum(map(len, self._lanes)) + self._in_delivery + (len(page.records) if page else 0)
        stands = not mapping.enabled or not self._may_read or self._failures >= _FAILURES_HELD_BACK
        return Undelivered(held_back=waiting) if stands else Undelivered(under_way=waiting)

    def stop(self) -> None:
        """End what delivers; records that wait are dropped with the mapping."""
        for task in self._tasks:
            task.cancel()

    def _keep_lanes(self, lanes: int) -> None:
        """Lanes are made once they are empty, so that no item has records in two of them."""
        if len(self._lanes) == lanes or any(len(lane) for lane in self._lanes):
            return
        self.stop()
        self._lanes = [Lane() for _ in range(lanes)]
        self._tasks = [self._aws.background(self._drain(lane)) for lane in self._lanes]

    def _check_rights(self, mapping: StreamMapping) -> None:
        configuration = self._configuration(mapping)
        identity = base_functions.execution_identity(configuration)
        for action in READ_ACTIONS:
            self._aws.authorize_identity(identity, action, mapping.stream.arn, mapping.region)
        check_table_key(self._aws, identity, mapping.stream.arn, mapping.region)

    def _configuration(self, mapping: StreamMapping) -> Json:
        found = base_functions.find_function(mapping.account, mapping.region, mapping.function_name)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Function not found: {mapping.function_name}", 404)
        return found

    def _queue(self, records: Sequence[Json], mapping: StreamMapping) -> None:
        oldest_s = self.now_s() - STREAM_HOURS * 3600
        expired = 0
        for record in records:
            event = self._aws.capture.as_delivered(record)
            if event["dynamodb"]["ApproximateCreationDateTime"] < oldest_s:
                expired += 1
                continue
            self._lanes[lane_of(event, len(self._lanes))].add(event)
        if expired:
            log.error("%s: %d records expired unread after %d hours", mapping.stream.arn, expired, STREAM_HOURS)
            self._say(f"PROBLEM: {expired} records expired unread after {STREAM_HOURS} hours")

    async def _drain(self, lane: Lane) -> None:
        while True:
            mapping = self.mapping
            batch = await lane.gather(mapping.batch_size, mapping.window_s, self.now_s)
            await self._deliver(batch)

    async def _deliver(self, batch: Sequence[Json]) -> None:
        self._in_delivery += len(batch)
        try:
            while not self.mapping.enabled:
                await asyncio.sleep(POLL_S)
            for part in self._disturbance.batches(self.record["UUID"], batch):
                faultless = await deliver(part, self.mapping, self)
                self._say("OK" if faultless else "PROBLEM: Function call failed")
        finally:
            self._in_delivery -= len(batch)
            self._failures = 0

    def now_s(self) -> float:
        return self._aws.clock.now().timestamp()

    async def invoke(self, records: Sequence[Json]) -> Invocation:
        mapping = self.mapping
        answer = await self._aws.request(
            "POST",
            f"/2015-03-31/functions/{mapping.function_name}/invocations",
            service="lambda",
            headers={"content-type": "application/json"},
            body=json.dumps({"Records": records}).encode(),
            region=mapping.region,
        )
        payload = _decoded(answer.body)
        error = answer.headers.get("x-amz-function-error") or (None if answer.status < 300 else "Unhandled")
        if error is not None:
            log.warning("%s failed on %d records: %s", mapping.function_name, len(records), str(payload)[:1000])
        return Invocation(answer.headers.get("x-amzn-requestid", ""), answer.status, error, payload)

    async def pause(self, failures: int) -> None:
        self._failures += 1
        await asyncio.sleep(min(0.05 * 2.0 ** min(failures, 10), _LONGEST_PAUSE_S))

    async def give_up(self, attempt: Attempt, condition: str, last: Invocation | None) -> None:
        """Send the failure record under the function's role; a refusal is logged, as AWS only counts it."""
        mapping = self.mapping
        numbers = [attempt.records[place]["dynamodb"]["SequenceNumber"] for place in (0, -1)]
        log.error("%s: gave up %d records, %s to %s: %s", mapping.stream.arn, len(attempt.records), *numbers, condition)
        if mapping.on_failure is None:
            return
        try:
            configuration = self._configuration(mapping)
            arn, now = configuration["FunctionArn"], self._aws.clock.now()
            message = build_failure(attempt, condition, last, arn, mapping.stream.arn, now)
            await self._send(mapping.on_failure, message, configuration)
        except AwsError as error:
            log.error("the failure record was not delivered to %s: %s", mapping.on_failure, error)

    async def _send(self, queue_arn: str, message: Json, configuration: Json) -> None:
        identity = base_functions.execution_identity(configuration)
        self._aws.authorize_identity(identity, "sqs:SendMessage", queue_arn)
        name, account = queue_arn.split(":")[5], queue_arn.split(":")[4]
        place = {"QueueName": name, "QueueOwnerAWSAccountId": account}
        url = (await self._aws.forward("AmazonSQS.GetQueueUrl", place))["QueueUrl"]
        body = {"QueueUrl": url, "MessageBody": json.dumps(message)}
        await self._aws.forward("AmazonSQS.SendMessage", body, identity=identity)

    def _say(self, result: str) -> None:
        self.record["LastProcessingResult"] = result


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")
