"""All mappings of a running local AWS: each that the base has a record of is run, and ends with it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from include.local_aws import base_functions
from include.local_aws.stream_mapping.disturbance import Disturbance
from include.local_aws.stream_mapping.model import mapping_of
from include.local_aws.stream_mapping.running import POLL_S, RunningMapping, Undelivered

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


log = logging.getLogger(__name__)


class StreamMappings:
    """Made before the base's first request, so that its own poller never starts."""

    def __init__(self, aws: LocalAws) -> None:
        base_functions.keep_own_poller_off()
        self.disturbance = Disturbance()
        self._aws = aws
        self._running: dict[str, RunningMapping] = {}

    async def run(self) -> None:
        """Look for new records and mappings until local AWS ends."""
        while True:
            self._follow_records()
            for uuid, running in self._running.items():
                try:
                    running.poll()
                except Exception:
                    log.exception("mapping %s could not read its stream; it is tried again", uuid)
            await asyncio.sleep(POLL_S)

    def undelivered(self) -> Undelivered:
        """What all mappings together have not delivered yet."""
        self._follow_records()
        counts = [running.undelivered() for running in self._running.values()]
        return Undelivered(sum(one.under_way for one in counts), sum(one.held_back for one in counts))

    def _follow_records(self) -> None:
        """Start what is new, stop what is gone."""
        present = set()
        for account, region, record in base_functions.mapping_records():
            uuid = record["UUID"]
            if mapping_of(account, region, record) is None:
                continue
            present.add(uuid)
            if uuid not in self._running:
                self._running[uuid] = RunningMapping(self._aws, account, region, record, self.disturbance)
        for uuid in self._running.keys() - present:
            self._running.pop(uuid).stop()
