"""At least once, on purpose: batches come again and out of order across items, as AWS may do (`POST /_local/streams`)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from include.local_aws.calls import Json

_PARTS = 3


class Disturbance:
    """Off until `set`. Records of one item stay in their order; a repetition may come after later records of its item."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._repeat = 0.0
        self._reorder = False
        self._kept: dict[str, list[Sequence[Json]]] = {}

    def set(self, content: Json) -> None:
        """`repeat`: the share of batches that come again, 0 to 1; `reorder`: true or false; `seed`. `{}` switches off.

        Raises ValueError for other members or values.
        """
        if unknown := content.keys() - {"repeat", "reorder", "seed"}:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}: there is repeat (0 to 1), reorder and seed")
        repeat = float(content.get("repeat", 0))
        if not 0 <= repeat <= 1:
            raise ValueError(f"repeat is {repeat}: write a share from 0 to 1")
        self._random = random.Random(content.get("seed", 0))
        self._repeat, self._reorder = repeat, bool(content.get("reorder", False))
        self._kept = {}

    def batches(self, mapping: str, records: Sequence[Json]) -> list[Sequence[Json]]:
        """What to deliver in place of one batch of a lane; what comes again is the same mapping's (its UUID)."""
        parts: list[Sequence[Json]] = self._split(records) if self._reorder else [records]
        for part in list(parts):
            if self._random.random() < self._repeat:
                parts.insert(self._random.randrange(len(parts) + 1), part)
        kept = self._kept.get(mapping, [])
        if kept and self._random.random() < self._repeat:
            parts.append(self._random.choice(kept))
        if self._repeat:
            self._kept[mapping] = [*kept[-_PARTS:], records]
        return parts

    def _split(self, records: Sequence[Json]) -> list[Sequence[Json]]:
        """Every item's records in one part, the parts shuffled."""
        place_by_key: dict[str, int] = {}
        parts: list[list[Json]] = [[] for _ in range(_PARTS)]
        for record in records:
            key = repr(record["dynamodb"]["Keys"])
            parts[place_by_key.setdefault(key, self._random.randrange(_PARTS))].append(record)
        filled = [part for part in parts if part]
        self._random.shuffle(filled)
        return list(filled)
