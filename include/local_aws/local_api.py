"""Local AWS's own requests under `/_local/`: status, clock, faults, PITR's lag, decisions."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from include.local_aws.calls import Answer, Json
from include.local_aws.core import LocalAws

_KNOWN = (
    "GET /_local/status, GET /_local/decisions, POST /_local/clock {advance}, POST /_local/pitr {lag_s}, "
    "POST /_local/faults {target, code, message, status, times, match, kill, lost, ends, waits_s}, "
    "POST /_local/streams {repeat, reorder, seed}"
)

MOST_SECONDS = 366 * 86_400
"""Every midnight on the way is swept, so a step has an end."""


async def answer(aws: LocalAws, scope: dict[str, Any], body: bytes) -> Answer:
    """Answer one of local AWS's own requests; a 404 names what there is."""
    route = f"{scope['method']} {scope['path']}"
    act = _ROUTES.get(route)
    if act is None:
        return _json(404, {"error": f"no {route} here; there is: {_KNOWN}"})
    try:
        return _json(200, await act(aws, json.loads(body or b"{}")))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        return _json(400, {"error": f"{route}: {error!r}"})


async def _status(aws: LocalAws, _: Json) -> Json:
    now = aws.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "token": aws.settings.token, "now": now, "pid": os.getpid(), "ready": True, "faults": aws.faults.armed,
        "undelivered": asdict(aws.stream_mappings.undelivered()),
    }  # fmt: skip


async def _advance(aws: LocalAws, content: Json) -> Json:
    seconds = float(content["advance"])
    if not seconds <= MOST_SECONDS:
        raise ValueError(f"the clock moves at most {MOST_SECONDS} seconds (366 days) at once, not {seconds:.0f}")
    await aws.lifecycles.advance(seconds)
    return await _status(aws, content)


async def _arm_fault(aws: LocalAws, content: Json) -> Json:
    aws.faults.arm(content)
    return await _status(aws, content)


async def _set_lag(aws: LocalAws, content: Json) -> Json:
    aws.pitr.lag_s = float(content["lag_s"])
    return await _status(aws, content)


async def _disturb_streams(aws: LocalAws, content: Json) -> Json:
    aws.stream_mappings.disturbance.set(content)
    return await _status(aws, content)


async def _decisions(aws: LocalAws, _: Json) -> Json:
    return {"decisions": [_decision(one) for one in aws.decisions.all()]}


_ROUTES: dict[str, Callable[[LocalAws, Json], Awaitable[Json]]] = {
    "GET /_local/status": _status,
    "GET /_local/decisions": _decisions,
    "POST /_local/clock": _advance,
    "POST /_local/pitr": _set_lag,
    "POST /_local/faults": _arm_fault,
    "POST /_local/streams": _disturb_streams,
}


def _decision(one: Any) -> Json:
    return {**asdict(one), "last_at": one.last_at.isoformat().replace("+00:00", "Z")}


def _json(status: int, content: Json) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(content).encode())
