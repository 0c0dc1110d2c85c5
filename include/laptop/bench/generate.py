"""Items and changes as DynamoDB exports write them, made without DynamoDB: a million items in about half a minute.

Every item is a function of its number and its version, so a change needs no state. The newest ``RECENT_ITEMS`` items were
created in the last seven days before ``PRESENT``, whatever the size; all others in the 358 days before.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

# In the past of every machine, and at noon: the day of runs then meets the daily maintenance in its middle.
PRESENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENTRIES = 5
CAMPAIGNS = 100
RECENT_ITEMS = 20_000
FIRST_NEW = 100_000_000
_RECENT_S, _OLD_S = 7 * 86_400, 358 * 86_400
_ITEMS_PER_FILE = 50_000
_STATES = ("NOT_STARTED", "IN_PROGRESS", "VALIDATED", "REJECTED")


@dataclass(frozen=True)
class ChangeFile:
    """One data file of an export on the local disk, with what its manifest says of it."""

    path: Path
    records: int
    bytes: int
    md5: str


@dataclass(frozen=True)
class Changes:
    """Statements of one window: numbers of the items that are written (new ones too) and deleted, and their version."""

    written: Sequence[int]
    deleted: Sequence[int] = ()
    version: int = 1


def digest() -> str:
    """Names what this code generates."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def write_items(folder: Path, count: int) -> list[ChangeFile]:
    """Write the main table with ``count`` items as a full export's files; what an earlier call wrote is taken as it is."""
    done = folder / "files.json"
    if done.is_file():
        return [ChangeFile(**{**one, "path": Path(one["path"])}) for one in json.loads(done.read_text())]
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(folder, start, min(start + _ITEMS_PER_FILE, count)) for start in range(0, count, _ITEMS_PER_FILE)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(_write_part, parts))
    done.write_text(json.dumps([{**vars(one), "path": str(one.path)} for one in files]))
    return files


def write_campaigns(folder: Path, deadline_shift_days: int = 0) -> list[ChangeFile]:
    """Write the lookup table as a full export's file."""
    lines = (f'{{"Item":{campaign_json(number, deadline_shift_days)}}}' for number in range(CAMPAIGNS))
    return [write_lines(folder / "campaigns.json.gz", lines)]


def write_changes(path: Path, changes: Changes) -> list[ChangeFile]:
    """Write the main table's changes as an incremental export's file."""
    return [write_lines(path, _change_lines(changes))]


def write_moved_deadlines(path: Path, campaigns: Iterable[int]) -> list[ChangeFile]:
    """Write a change of the lookup table that moves every deadline of these campaigns by a day."""
    lines = (_incremental(f'{{"campaignID":{{"S":"c{number:03}"}}}}', campaign_json(number, 1)) for number in campaigns)
    return [write_lines(path, lines)]


def write_lines(path: Path, lines: Iterable[str]) -> ChangeFile:
    """Write one gzip file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [f"{line}\n".encode() for line in lines]
    body = gzip.compress(b"".join(text), compresslevel=1, mtime=0)
    path.write_bytes(body)
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return ChangeFile(path, len(text), len(body), md5)


def recent_changes(count: int, version: int = 1) -> Changes:
    """``count`` statements about the last seven days, the same whatever the lake's size: 80 % updates, 15 % inserts, 5 % deletions."""
    updates, inserts = count * 80 // 100, count * 15 // 100
    first = (version * 7919) % RECENT_ITEMS
    numbers = [(first + place) % RECENT_ITEMS for place in range(count - inserts)]
    new = range(FIRST_NEW + version * count, FIRST_NEW + version * count + inserts)
    return Changes([*numbers[:updates], *new], numbers[updates:], version)


def scattered_changes(items: int, count: int, version: int = 1) -> Changes:
    """``count`` updates, evenly over the whole year."""
    return Changes([(number * 2_654_435_761 + version) % items for number in range(count)], (), version)


def item_json(number: int, version: int = 0) -> str:
    """One item of the main table as DynamoDB JSON."""
    mixed = _mixed(number, version)
    details = ",".join(_ENTRIES[place][(mixed >> (place * 3)) % len(_ENTRIES[place])] for place in range(ENTRIES))
    return (
        f'{{{_key(number)},"createdAt":{{"S":"{_created(number)}"}},"updatedAt":{{"N":"{1_767_000_000 + version}"}},'
        f'"totalTaskRewardsEarned":{{"N":"{mixed % 10_000}.{mixed % 97:02}"}},'
        f'"userCampaignProgressState":{{"S":"{_STATES[mixed % 4]}"}},"progressDetails":{{"L":[{details}]}}}}'
    )


def campaign_json(number: int, shift_days: int = 0) -> str:
    """One item of the lookup table as DynamoDB JSON."""
    deadline = (PRESENT + timedelta(days=number + shift_days)).isoformat()
    tasks = ",".join(
        f'{{"M":{{"taskID":{{"S":"t{place}"}},"rewardAmount":{{"N":"5"}},"taskDeadline":{{"S":"{deadline}"}}}}}}'
        for place in range(ENTRIES)
    )
    return (
        f'{{"campaignID":{{"S":"c{number:03}"}},"title":{{"S":"Campaign {number}"}},'
        f'"createdAt":{{"S":"2025-01-01T00:00:00Z"}},"campaignTasks":{{"L":[{tasks}]}}}}'
    )


def _write_part(part: tuple[Path, int, int]) -> ChangeFile:
    folder, start, end = part
    lines = (f'{{"Item":{item_json(number)}}}' for number in range(start, end))
    return write_lines(folder / f"{start:09}.json.gz", lines)


def _change_lines(changes: Changes) -> Iterator[str]:
    for number in changes.written:
        yield _incremental(f"{{{_key(number)}}}", item_json(number, changes.version))
    for number in changes.deleted:
        yield _incremental(f"{{{_key(number)}}}", None)


def _incremental(key: str, image: str | None) -> str:
    new = f',"NewImage":{image}' if image is not None else ""
    return f'{{"Metadata":{{"WriteTimestampMicros":{{"N":"1767225600000000"}}}},"Keys":{key}{new}}}'


def _key(number: int) -> str:
    return f'"userID":{{"S":"u{number:09}"}},"campaignID":{{"S":"c{number % CAMPAIGNS:03}"}}'


def _created(number: int) -> str:
    age = _mixed(number, 0)
    is_recent = number < RECENT_ITEMS or number >= FIRST_NEW
    seconds = age % _RECENT_S if is_recent else _RECENT_S + age % _OLD_S
    return (PRESENT - timedelta(seconds=seconds + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _mixed(number: int, version: int) -> int:
    return ((number + 1) * 2_654_435_761 + version * 40_503) & 0xFFFFFFFF


def _entry(place: int, variant: int) -> str:
    reason = '{"S":"receipt unreadable"}' if variant % 8 == 0 else '{"NULL":true}'
    return (
        f'{{"M":{{"taskID":{{"S":"t{place}"}},"userCampaignTaskProgressState":{{"S":"{_STATES[variant % 4]}"}},'
        f'"rewardEarned":{{"N":"{variant}.25"}},"validatedAt":{{"S":"2025-12-{variant % 28 + 1:02}T10:11:12.345Z"}},'
        f'"validationFailureReason":{reason}}}}}'
    )


_ENTRIES = [[_entry(place, variant) for variant in range(256)] for place in range(ENTRIES)]
