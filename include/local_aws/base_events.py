"""The door to the base's EventBridge: what AWS's own services tell there, which no request may say in their name."""

from __future__ import annotations

import json

from ministack.core.responses import request_scope
from ministack.services import eventbridge

from include.local_aws.calls import Json


def emit(account: str, region: str, source: str, detail_type: str, detail: Json) -> None:
    """Put one event of a service (``aws.glue``) on the default bus; rules that match it reach their targets."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    with request_scope(account, region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
