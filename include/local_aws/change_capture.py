"""Watch DynamoDB writes on their way through the base and record what they changed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

from include.local_aws.base_tables import find_table, new_stream_records
from include.local_aws.calls import Json
from include.local_aws.change_log import EPOCH, ChangeLog
from include.local_aws.clock import Clock
from include.local_aws.time_to_live import SERVICE_IDENTITY, expiring

_PREFIX = "DynamoDB_20120810."
WRITES = frozenset(
    _PREFIX + name for name in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
)


def written_keys(target: str, body: Json) -> Iterator[tuple[str, Json]]:
    """Table and attributes (the key among them) of every item that a request writes."""
    action = target.removeprefix(_PREFIX)
    if action == "BatchWriteItem":
        for table, requests in body["RequestItems"].items():
            for request in requests:
                put = request.get("PutRequest")
                yield table, put["Item"] if put else request["DeleteRequest"]["Key"]
    elif action == "TransactWriteItems":
        for request in body["TransactItems"]:
            for kind, part in request.items():
                if kind != "ConditionCheck":
                    yield part["TableName"], part["Item"] if kind == "Put" else part["Key"]
    else:
        yield body["TableName"], body["Item"] if action == "PutItem" else body["Key"]


class ChangeCapture:
    """Records the changes of each successful write at the moment its answer starts, before any other write runs."""

    def __init__(self, change_log: ChangeLog, clock: Clock) -> None:
        self._log = change_log
        self._clock = clock
        self._stream_positions: dict[str, int] = {}
        self._odd_seconds: dict[str, int] = {}
        self._expiries: set[str] = set()

    def capture(self, target: str, raw_body: bytes, account: str, region: str) -> None:
        by_table: dict[str, list[Json]] = {}
        for name, attributes in written_keys(target, json.loads(raw_body)):
            by_table.setdefault(name, []).append(attributes)
        now = self._clock.now()
        for name, written in by_table.items():
            table = find_table(account, region, name)
            if table is None:
                raise LookupError(f"{target} wrote table {name}, which the base does not have")
            images = dict(table.image(attributes) for attributes in written)
            times = self._log.record(table.table_id, list(images.items()), now)
            stamped = [time_us for time_us in times if time_us is not None]
            if stamped:
                self._note_stream_seconds(account, region, table.name, table.table_id, stamped[0] // 1_000_000)

    def _note_stream_seconds(self, account: str, region: str, name: str, table_id: str, second: int) -> None:
        """Keep the second of those stream records whose sequence number alone would give another one."""
        seen = self._stream_positions.get(table_id, 0)
        records, self._stream_positions[table_id] = new_stream_records(account, region, name, seen)
        for record in records:
            number = record["dynamodb"]["SequenceNumber"]
            if self._second_of(number) != second:
                self._odd_seconds[number] = second
            if expiring.get():
                self._expiries.add(number)

    def as_delivered(self, record: Json) -> Json:
        """A stream record of the base as its readers see it: the write's local second, and whose deletion an expiry is."""
        change = record["dynamodb"]
        number = change["SequenceNumber"]
        delivered = {**record, "dynamodb": {**change, "ApproximateCreationDateTime": self.creation_second(number)}}
        return {**delivered, "userIdentity": SERVICE_IDENTITY} if number in self._expiries else delivered

    def creation_second(self, sequence_number: str) -> int:
        """`ApproximateCreationDateTime` of a stream record: its write's local time, rounded down to the second."""
        odd = self._odd_seconds.get(sequence_number)
        return self._second_of(sequence_number) if odd is None else odd

    def _second_of(self, sequence_number: str) -> int:
        """The local second of the machine's time that the base put into the sequence number (milliseconds)."""
        machine = EPOCH + timedelta(milliseconds=int(sequence_number[:20]))
        return int(self._clock.local_time_of(machine).timestamp())


def _behind_tls(scope: Json) -> Json:
    """Local AWS stands for AWS's endpoints, which end TLS before the service: `aws:SecureTransport` is true."""
    if scope["type"] != "http":
        return scope
    return {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}


App = Callable[[Json, Callable[[], Awaitable[Json]], Callable[[Json], Awaitable[None]]], Awaitable[None]]


class CapturingApp:
    """The base's ASGI application with the capture around its writes."""

    def __init__(
        self, base_app: App, capture: ChangeCapture, scope_of: Callable[[dict[str, str]], tuple[str, str]]
    ) -> None:
        self._base_app = base_app
        self._capture = capture
        self._scope_of = scope_of

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:
        scope = _behind_tls(scope)
        target = next(
            (value.decode() for name, value in scope.get("headers", ()) if name.lower() == b"x-amz-target"), ""
        )
        if target not in WRITES:
            await self._base_app(scope, receive, send)
            return
        chunks: list[bytes] = []

        async def keep_body() -> Json:
            message: Json = await receive()
            chunks.append(message.get("body", b""))
            return message

        async def capture_then_send(message: Json) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
                self._capture.capture(target, b"".join(chunks), *self._scope_of(headers))
            await send(message)

        await self._base_app(scope, keep_body, capture_then_send)
