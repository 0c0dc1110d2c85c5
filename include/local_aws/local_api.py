"""Local AWS's own requests under `/_local/`: status, clock, faults, PITR's lag, decisions."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

from include.local_aws.calls import Answer, Json
from include.local_aws.core import LocalAws

_KNOWN = (
    "GET /_local/status, GET /_local/decisions, POST /_local/clock {advance}, POST /_local/pitr {lag_s}, "
    "POST /_local/faults {target, code, message, status, times}"
)


async def answer(aws: LocalAws, scope: dict[str, Any], body: bytes) -> Answer:
    """Answer one of local AWS's own requests; a 404 names what there is."""
    route = (scope["method"], scope["path"])
    try:
        content: Json = json.loads(body or b"{}")
        if route == ("GET", "/_local/status"):
            return _json(200, _status(aws))
        if route == ("POST", "/_local/clock"):
            aws.clock.advance(float(content["advance"]))
            return _json(200, _status(aws))
        if route == ("POST", "/_local/faults"):
            aws.faults.arm(content)
            return _json(200, _status(aws))
        if route == ("POST", "/_local/pitr"):
            aws.pitr.lag_s = float(content["lag_s"])
            return _json(200, _status(aws))
        if route == ("GET", "/_local/decisions"):
            return _json(200, {"decisions": [_decision(one) for one in aws.decisions.all()]})
    except (ValueError, KeyError, TypeError) as error:
        return _json(400, {"error": f"{route[0]} {route[1]}: {error!r}"})
    return _json(404, {"error": f"no {route[0]} {route[1]} here; there is: {_KNOWN}"})


def _status(aws: LocalAws) -> Json:
    now = aws.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"token": aws.settings.token, "now": now, "pid": os.getpid(), "ready": True}


def _decision(one: Any) -> Json:
    return {**asdict(one), "last_at": one.last_at.isoformat().replace("+00:00", "Z")}


def _json(status: int, content: Json) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(content).encode())
