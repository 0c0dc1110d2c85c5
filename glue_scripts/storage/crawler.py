"""The output crawler: while it runs, the target must not change under it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from include.dynamo_lake.errors import TransientError

CEILING_S = 20 * 60
_READY = "READY"


class CrawlerBusyError(TransientError):
    """The output crawler did not come to rest in time."""


def wait_until_ready(
    glue: Any, crawler: str, *, poll_s: float, sleep: Callable[[float], None] = time.sleep, ceiling_s: float = CEILING_S
) -> None:
    """Return once the crawler is READY. Raises ``CrawlerBusyError`` after ``ceiling_s`` seconds (20 minutes)."""
    waited = 0.0
    while (state := glue.get_crawler(Name=crawler)["Crawler"]["State"]) != _READY:
        if waited >= ceiling_s:
            raise CrawlerBusyError(
                f"Crawler {crawler} is still {state} after {ceiling_s / 60:.0f} minutes, and the target must not change "
                "during a crawl. The mirrors are merged; stop the crawler if it hangs, then run again"
            )
        sleep(poll_s)
        waited += poll_s
