"""Which modules answer what: the one list of handlers."""

from __future__ import annotations

from include.local_aws import (
    athena,
    base,
    base_times,
    crawlers,
    exports,
    glue_definitions,
    glue_jobs,
    pitr,
    queues,
    streams,
    time_to_live,
)
from include.local_aws.app import LocalAwsApp, collect_handlers
from include.local_aws.calls import Settings
from include.local_aws.clock import Clock
from include.local_aws.core import LocalAws

_MODULES = (pitr, time_to_live, exports, streams, queues, glue_definitions, glue_jobs, crawlers, athena)


def build_app(settings: Settings, clock: Clock) -> LocalAwsApp:
    """Assemble local AWS's application. Exits when the base's version is not the pinned one."""
    base.assert_pinned()
    base_times.stamp_by(clock)
    return LocalAwsApp(LocalAws(settings, clock), collect_handlers(_MODULES))
