from __future__ import annotations

from include.local_aws.calls import Handler

HANDLERS: dict[str, Handler] = {}
