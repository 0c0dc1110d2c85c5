"""Wait until local AWS has delivered what was written: a batch that is not full waits seconds for more, and a run looks once."""

from __future__ import annotations

import time
from collections.abc import Callable

from include.local_aws.process import ask

CEILING_S = 60.0
_POLL_S = 0.1


def await_deliveries(endpoint_url: str, say: Callable[[str], None], ceiling_s: float = CEILING_S) -> None:
    """Return when no stream record is under way to its function, after ``ceiling_s`` anyway; say what is then left out."""
    deadline = time.monotonic() + ceiling_s
    undelivered = _read_undelivered(endpoint_url)
    if undelivered["under_way"]:
        say(f"waiting for {undelivered['under_way']} stream records, at most {ceiling_s:.0f} s")
    while undelivered["under_way"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        undelivered = _read_undelivered(endpoint_url)
    if undelivered["under_way"]:
        say(f"{undelivered['under_way']} stream records are still under way: this run goes on without them")
    if undelivered["held_back"]:
        say(
            f"{undelivered['held_back']} stream records are held back, by a function that fails or a mapping that is disabled "
            "(LastProcessingResult of the mapping says which): this run goes on without them"
        )


def _read_undelivered(endpoint_url: str) -> dict[str, int]:
    counts: dict[str, int] = ask(endpoint_url, "GET", "/_local/status")["undelivered"]
    return counts
