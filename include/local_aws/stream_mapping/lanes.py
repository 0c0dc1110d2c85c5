"""One lane of a mapping: its records in order, gathered into batches by size, bytes and time."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from zlib import crc32

from include.local_aws.calls import Json

MAX_BATCH_BYTES = 6 * 1024 * 1024
_ENVELOPE_BYTES = 1024
# A clock that is moved forward tells nobody: whoever waits for it looks this often.
_LOOK_S = 0.1


class Lane:
    """A queue that one task drains: one batch of a lane is delivered at a time, so an item's order holds."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Json, int]] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, record: Json) -> None:
        self._waiting.append((record, len(json.dumps(record).encode())))
        self._changed.set()

    async def gather(self, batch_size: int, window_s: float, now_s: Callable[[], float]) -> list[Json]:
        """The next batch: as soon as it is full, else `window_s` after its first record was there, by the clock that `now_s` reads."""
        while not self._waiting:
            await self._wait(None)
        deadline = now_s() + window_s
        while (left_s := deadline - now_s()) > 0 and not self._full(batch_size):
            await self._wait(min(left_s, _LOOK_S))
        return self._take(batch_size)

    async def _wait(self, timeout_s: float | None) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return

    def _full(self, batch_size: int) -> bool:
        if len(self._waiting) >= batch_size:
            return True
        return sum(size for _, size in self._waiting) >= MAX_BATCH_BYTES - _ENVELOPE_BYTES

    def _take(self, batch_size: int) -> list[Json]:
        taken: list[Json] = []
        total = _ENVELOPE_BYTES
        while self._waiting and len(taken) < batch_size:
            record, size = self._waiting[0]
            if taken and total + size > MAX_BATCH_BYTES:
                break
            self._waiting.popleft()
            taken.append(record)
            total += size
        return taken


def lane_of(record: Json, lanes: int) -> int:
    """Records of one item always have the same lane."""
    return crc32(json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()) % lanes
