"""Local AWS's clock, which starts hours back and comes up to the machine's present."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.local_aws.process import ask

PAST = timedelta(hours=4)


def past_start(now: datetime | None = None) -> str:
    """Where local AWS's clock starts, ISO 8601."""
    return ((now or datetime.now(UTC)) - PAST).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_now(endpoint_url: str) -> datetime:
    """Local AWS's present."""
    return datetime.fromisoformat(ask(endpoint_url, "GET", "/_local/status")["now"])


def advance(endpoint_url: str, by: timedelta) -> None:
    """Move local AWS's clock forward."""
    ask(endpoint_url, "POST", "/_local/clock", {"advance": by.total_seconds()})
