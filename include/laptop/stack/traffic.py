"""Light live traffic: a burst of writes every few minutes on what the tables hold, until the process is ended."""

from __future__ import annotations

import os
import time
from typing import Any

from include.laptop.running import session
from include.laptop.stack.clock import local_now
from include.local_aws import demo

BURST_WRITES = 12
# Every burst wakes the on-change DAG, which starts a Spark job: more often would keep a small machine busy.
BURST_EVERY_S = 300.0


def present_traffic(dynamodb: Any, seed: int | None = None) -> demo.LiveTraffic:
    """Traffic that goes on from the present items."""
    users, campaigns = (demo.read_items(dynamodb, table) for table in (demo.USERS_TABLE, demo.CAMPAIGNS_TABLE))
    return demo.LiveTraffic(users, campaigns, seed)


def write_bursts() -> None:
    """Write a burst, wait, and so on, at the endpoint and with the keys of this process's environment."""
    dynamodb = session(os.environ).client("dynamodb")
    traffic = present_traffic(dynamodb)
    while True:
        time.sleep(BURST_EVERY_S)
        now = local_now(os.environ["AWS_ENDPOINT_URL"])
        demo.write_changes(dynamodb, traffic.build_writes(BURST_WRITES, now))
        print(f"{now:%H:%M:%S} {BURST_WRITES} writes", flush=True)


if __name__ == "__main__":
    write_bursts()
