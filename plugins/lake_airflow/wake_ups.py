"""Wake-up calls: the asset that a watcher keeps on their queue, and how a run takes all of them at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Asset, AssetWatcher

from include.dynamo_lake.names import REJECTED_PREFIX
from include.dynamo_lake.wake_ups import ForeignMessageError, check_wake_up
from lake_airflow.inbox import MESSAGES, note_reason
from lake_airflow.pipelines import Lake
from lake_airflow.triggers.wake_up import MESSAGES_AT_ONCE, WakeUpTrigger

log = logging.getLogger(__name__)

# Above what the busiest stream sends between two runs; a longer queue is drained by the runs that follow.
MAX_DRAINED = 20_000

Entry = Mapping[str, str]


def build_wake_up_asset(lake: Lake) -> Asset:
    """The asset whose events start on-change runs: a watcher waits at the queue in the triggerer."""
    trigger = WakeUpTrigger(
        pipeline=lake.pipeline.name,
        sqs_queue=lake.settings.wake_up_queue_url,
        aws_conn_id=lake.settings.aws_conn_id,
    )
    name = f"{lake.pipeline.name}_wake_up"
    return Asset(name=name, group="lake", watchers=[AssetWatcher(name=name, trigger=trigger)])


@dataclass(frozen=True)
class WakeUps:
    """``heard``: how many messages there were; ``notes``: a line for each that is no call; ``foreign``: their entries in the queue."""

    heard: int
    notes: tuple[str, ...]
    foreign: tuple[Entry, ...]


def take_wake_ups(lake: Lake, events: Iterable[Any]) -> WakeUps:
    """Drain the queue. A foreign message is put aside under ``rejected/`` and stays in the queue, hidden for a while, until
    ``forget`` is called: a retry finds it again.

    ``events``: the asset events that started the run; the watcher has deleted their messages from the queue already.
    """
    heard, notes, foreign = 0, {}, []
    for message in (*_messages_of(events), *_drained(lake)):
        heard += 1
        reason = _foreign_reason(lake, message)
        if reason is None:
            continue
        notes[message["MessageId"]] = _set_aside(lake, message, reason)
        if "ReceiptHandle" in message:
            foreign.append(_entry(message))
    return WakeUps(heard, tuple(notes.values()), tuple(foreign))


def forget(lake: Lake, entries: Sequence[Entry]) -> None:
    """Delete messages from the queue."""
    for first in range(0, len(entries), MESSAGES_AT_ONCE):
        batch: Any = entries[first : first + MESSAGES_AT_ONCE]
        lake.clients.sqs.delete_message_batch(QueueUrl=lake.settings.wake_up_queue_url, Entries=batch)


def _messages_of(events: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Messages that a watcher's events carry; events of other origin carry none."""
    for event in events:
        payload = (event.extra or {}).get("payload")
        if isinstance(payload, Mapping):
            yield from payload.get("message_batch", ())


def _drained(lake: Lake) -> Iterator[Mapping[str, Any]]:
    """Messages from the queue until it shows none; calls are deleted after whoever takes them has seen them.

    Short polls: one that misses a message leaves it to the watcher, whose run finds an empty inbox.
    """
    sqs, queue = lake.clients.sqs, lake.settings.wake_up_queue_url
    for _ in range(MAX_DRAINED // MESSAGES_AT_ONCE):
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=MESSAGES_AT_ONCE, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        if not messages:
            return
        yield from messages
        forget(lake, [_entry(message) for message in messages if _foreign_reason(lake, message) is None])


def _foreign_reason(lake: Lake, message: Mapping[str, Any]) -> str | None:
    try:
        check_wake_up(lake.pipeline.name, message["Body"])
    except ForeignMessageError as error:
        return str(error)
    return None


def _entry(message: Mapping[str, Any]) -> Entry:
    return {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]}


def _set_aside(lake: Lake, message: Mapping[str, Any], reason: str) -> str:
    key = f"{REJECTED_PREFIX}{MESSAGES}/{message['MessageId']}"
    note_reason(lake, key, {"reason": reason, "message": message["Body"]})
    line = f"Message {message['MessageId']} of the wake-up queue is put aside as {key}.reason.json: {reason}"
    log.warning(line)
    return line
