"""The record of every authorization decision (`GET /_local/decisions`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.local_aws.calls import Identity


@dataclass(frozen=True)
class Decision:
    """Who asked for what on which resource, and the answer. `count` and `last_at` fold repetitions."""

    principal: str
    action: str
    resource: str
    allowed: bool
    count: int
    last_at: datetime


class Decisions:
    """Distinct decisions with their count; root's are not kept (root passes everything)."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str, str, bool], Decision] = {}

    def record(self, now: datetime, identity: Identity, action: str, resource: str, *, allowed: bool) -> None:
        if identity.is_root:
            return
        principal = identity.role_name or identity.principal_arn
        key = (principal, action, resource, allowed)
        seen = self._by_key.get(key)
        self._by_key[key] = Decision(principal, action, resource, allowed, (seen.count if seen else 0) + 1, now)

    def all(self) -> list[Decision]:
        return list(self._by_key.values())
