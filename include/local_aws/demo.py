"""Demo data of the shipped pipeline: campaigns, users' progress in them, and an hour of changes. Deterministic for a seed.

Items are DynamoDB JSON, as ``boto3.client("dynamodb")`` takes them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

USERS_TABLE = "user_Campaign"
CAMPAIGNS_TABLE = "campaignInfo"
DAYS = 14
TASKS = 5
BATCH = 25

Item = dict[str, Any]


@dataclass(frozen=True)
class Changes:
    """An hour of writes: items to put and keys to delete by table, and what they are, in words."""

    puts: dict[str, list[Item]]
    deletes: dict[str, list[Item]]
    words: tuple[str, ...]


def build_campaigns(count: int, now: datetime) -> list[Item]:
    """``count`` campaigns of five tasks each; every third task has no deadline."""
    return [_campaign(number, now) for number in range(count)]


def build_users(count: int, campaigns: int, now: datetime, seed: int = 7) -> list[Item]:
    """``count`` items of progress, created over the last fourteen days; some lists are empty, some values missing."""
    chance = random.Random(seed)
    return [_progress(number, number % campaigns, chance, now) for number in range(count)]


def build_changes(users: list[Item], campaigns: list[Item], now: datetime, seed: int = 11) -> Changes:
    """Changes to one item in twenty and to one campaign: insert, update, delete, shrink a list, move a deadline, one bad item."""
    chance = random.Random(seed)
    touched = chance.sample(users, max(8, len(users) // 20))
    quarter = len(touched) // 4
    deleted, shrunk = touched[:quarter], [_shrink(item) for item in touched[quarter : 2 * quarter]]
    updated = [_advance(item, chance, now) for item in touched[2 * quarter :]]
    inserted = [_progress(len(users) + number, number % len(campaigns), chance, now) for number in range(quarter)]
    bad = _progress(len(users) + quarter, 0, chance, now) | {"totalTaskRewardsEarned": {"S": "a lot"}}
    moved = _move_deadlines(campaigns[0], now)
    keys = [{"userID": item["userID"], "campaignID": item["campaignID"]} for item in deleted]
    return Changes(
        puts={USERS_TABLE: [*shrunk, *updated, *inserted, bad], CAMPAIGNS_TABLE: [moved]},
        deletes={USERS_TABLE: keys},
        words=(
            f"{len(inserted)} inserted",
            f"{len(updated)} updated",
            f"{len(deleted)} deleted",
            f"{len(shrunk)} lists shrunk",
            "1 deadline moved",
            "1 item that cannot be typed",
        ),
    )


def write_items(dynamodb: Any, table: str, items: Iterable[Item]) -> None:
    """Put items in batches of 25, four at a time, until none is left unprocessed."""
    _write(dynamodb, table, ({"PutRequest": {"Item": item}} for item in items))


def delete_items(dynamodb: Any, table: str, keys: Iterable[Item]) -> None:
    """Delete items by key, likewise."""
    _write(dynamodb, table, ({"DeleteRequest": {"Key": key}} for key in keys))


def _write(dynamodb: Any, table: str, requests: Iterable[Item]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda batch: _write_batch(dynamodb, table, batch), _batches(requests)):
            pass


def _write_batch(dynamodb: Any, table: str, batch: list[Item]) -> None:
    while batch:
        batch = dynamodb.batch_write_item(RequestItems={table: batch}).get("UnprocessedItems", {}).get(table, [])


def _batches(requests: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _campaign(number: int, now: datetime) -> Item:
    created = now - timedelta(days=DAYS, hours=number % 24)
    tasks = [_task(number, task, now) for task in range(TASKS)]
    return {
        "campaignID": {"S": f"campaign-{number:04d}"},
        "title": {"S": f"Campaign {number}"},
        "createdAt": {"S": _iso(created)},
        "updatedAt": {"S": _iso(created)},
        "endsAtTimestamp": {"N": str(int((now + timedelta(days=30)).timestamp()))},
        "rewardClaimDeadline": {"S": _iso(now + timedelta(days=40))},
        "campaignTasks": {"L": tasks},
    }


def _task(campaign: int, task: int, now: datetime) -> Item:
    entry: Item = {"taskID": {"S": f"task-{task}"}, "rewardAmount": {"N": str(10 * (task + 1))}}
    if task % 3 != 2:
        entry["taskDeadline"] = {"N": str(int((now + timedelta(days=task + campaign % 7)).timestamp()))}
    return {"M": entry}


def _progress(number: int, campaign: int, chance: random.Random, now: datetime) -> Item:
    created = now - timedelta(seconds=chance.randrange(DAYS * 86_400))
    entries = [_entry(task, created, chance) for task in range(chance.randrange(TASKS + 1))]
    item: Item = {
        "userID": {"S": f"user-{number:07d}"},
        "campaignID": {"S": f"campaign-{campaign:04d}"},
        "createdAt": {"S": _iso(created)} if number % 3 else {"N": str(int(created.timestamp() * 1000))},
        "updatedAt": {"S": _iso(created)},
        "userCampaignProgressState": {"S": chance.choice(("ENROLLED", "IN_PROGRESS", "COMPLETED"))},
        "totalTaskRewardsEarned": {"N": f"{chance.randrange(100_000) / 100:.2f}"},
    }
    return item | ({"progressDetails": {"L": entries}} if entries or number % 2 else {})


def _entry(task: int, created: datetime, chance: random.Random) -> Item:
    entry: Item = {
        "taskID": {"S": f"task-{task}"},
        "userCampaignTaskProgressState": {"S": chance.choice(("PENDING", "VALIDATED", "FAILED"))},
        "rewardEarned": {"N": str(chance.randrange(100))},
        "validatedAt": {"S": _iso(created + timedelta(minutes=task))} if chance.random() < 0.7 else {"NULL": True},
    }
    return {"M": entry | ({"validationFailureReason": {"S": "late ✗"}} if chance.random() < 0.1 else {})}


def _shrink(item: Item) -> Item:
    return item | {"progressDetails": {"L": item.get("progressDetails", {"L": []})["L"][:1]}}


def _advance(item: Item, chance: random.Random, now: datetime) -> Item:
    entries = item.get("progressDetails", {"L": []})["L"]
    return item | {
        "updatedAt": {"S": _iso(now)},
        "userCampaignProgressState": {"S": "COMPLETED"},
        "progressDetails": {"L": [*entries, _entry(len(entries), now, chance)]},
    }


def _move_deadlines(campaign: Item, now: datetime) -> Item:
    deadline = {"taskDeadline": {"S": _iso(now + timedelta(days=90))}}
    tasks = [{"M": task["M"] | deadline} for task in campaign["campaignTasks"]["L"]]
    return campaign | {"campaignTasks": {"L": tasks}}


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


class LiveTraffic:
    """An endless flow of single writes on what the tables hold: users join, progress, shrink and leave, deadlines move."""

    def __init__(self, users: Iterable[Item], campaigns: Iterable[Item], seed: int | None = None) -> None:
        """``users`` and ``campaigns`` are the present items; without ``seed`` every flow is another one."""
        self._users = {(user["userID"]["S"], user["campaignID"]["S"]): user for user in users}
        self._campaigns = list(campaigns)
        self._chance = random.Random(seed)

    def build_writes(self, count: int, now: datetime) -> Changes:
        """The next ``count`` writes as of ``now``, one for each key at most."""
        puts: dict[str, list[Item]] = {USERS_TABLE: [], CAMPAIGNS_TABLE: []}
        deletes: dict[str, list[Item]] = {USERS_TABLE: []}
        touched = self._chance.sample(sorted(self._users), min(count, len(self._users)))
        for key in touched:
            match self._chance.choices(("progress", "join", "shrink", "leave", "deadline"), (60, 20, 8, 8, 4))[0]:
                case "progress":
                    puts[USERS_TABLE].append(self._keep(_advance(self._users[key], self._chance, now)))
                case "join":
                    puts[USERS_TABLE].append(self._keep(self._join(now)))
                case "shrink":
                    puts[USERS_TABLE].append(self._keep(_shrink(self._users[key])))
                case "leave":
                    left = self._users.pop(key)
                    deletes[USERS_TABLE].append({name: left[name] for name in ("userID", "campaignID")})
                case _:
                    puts[CAMPAIGNS_TABLE] = [_move_deadlines(self._chance.choice(self._campaigns), now)]
        return Changes(puts, deletes, (f"{len(touched)} writes",))

    def _keep(self, user: Item) -> Item:
        self._users[user["userID"]["S"], user["campaignID"]["S"]] = user
        return user

    def _join(self, now: datetime) -> Item:
        """A user of a number that nobody had, who has just enrolled."""
        joined = _progress(self._chance.randrange(10_000_000), 0, self._chance, now)
        campaign = self._chance.choice(self._campaigns)["campaignID"]
        return joined | {"campaignID": campaign, "createdAt": {"S": _iso(now)}, "updatedAt": {"S": _iso(now)}}


def read_items(dynamodb: Any, table: str) -> Iterator[Item]:
    """All present items of a table."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]


def write_changes(dynamodb: Any, changes: Changes) -> None:
    """Write one set of changes: the puts first, then the deletes."""
    for table, items in changes.puts.items():
        write_items(dynamodb, table, items)
    for table, keys in changes.deletes.items():
        delete_items(dynamodb, table, keys)
