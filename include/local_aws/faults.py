"""Faults that a test arms: the next requests of an operation are refused or get no answer, kill the job run that sends them, or start
what ends badly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from include.local_aws.calls import AwsError, Json

KILL_TIMES = ("before", "after")
LOSSES = ("request", "answer")
START_JOB_RUN, START_QUERY = "AWSGlue.StartJobRun", "AmazonAthena.StartQueryExecution"
# How what a request starts may end where a fault decides it.
ENDS = {START_JOB_RUN: ("FAILED", "TIMEOUT", "ERROR", "EXPIRED"), START_QUERY: ("FAILED",)}


@dataclass(frozen=True)
class Fault:
    """`target` is an `X-Amz-Target`, or `<service>.<method>` (`s3.PUT`) for the others; strikes `times` more often.

    `match`: text that the request's path or body must hold. `kill`: the Glue job runs under way are killed before the request
    is served, or after it (their answer gets lost). `lost`: the connection breaks off behind the first lines of a 500, before
    the request is served (`request`) or after it (`answer`; a refusal is answered as ever). `ends`: it is served, and the job
    run or query that it starts ends in this state, with `message`. `waits_s`: the job run is WAITING, the query QUEUED so long
    first. Else the request is refused with `code`.
    """

    target: str
    code: str
    message: str
    status: int
    times: int
    match: str = ""
    kill: str = ""
    lost: str = ""
    ends: str = ""
    waits_s: float = 0.0

    @property
    def is_served(self) -> bool:
        """Whether the request itself is served, and its fault meant for what it starts."""
        return bool(self.ends or self.waits_s)

    @property
    def error(self) -> AwsError:
        return AwsError(self.code, self.message, self.status)


class Faults:
    """The armed faults, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    @property
    def armed(self) -> int:
        """How many strikes are left."""
        return sum(fault.times for fault in self._armed)

    def arm(self, content: Json) -> None:
        """Arm one fault; an empty object disarms all.

        Raises KeyError for a missing target, or for a missing code where a request is refused; ValueError for another time to
        kill or thing to lose, or an end that what the target starts does not know.
        """
        if not content:
            self._armed.clear()
            return
        text = {name: str(content.get(name, "")) for name in ("match", "kill", "lost", "ends")}
        waits_s = float(content.get("waits_s", 0))
        is_refused = not (text["kill"] or text["lost"] or text["ends"] or waits_s)
        fault = Fault(
            target=content["target"],
            code=content["code"] if is_refused else str(content.get("code", "ServiceUnavailable")),
            message=str(content.get("message", "armed fault")),
            status=int(content.get("status", 503 if text["kill"] else 400)),
            times=int(content.get("times", 1)),
            waits_s=waits_s,
            **text,
        )
        _require_known(fault)
        self._armed.append(fault)

    def take(self, target: str, *texts: str) -> Fault | None:
        """The fault that strikes this request, if any; one strike of it is used up. `texts`: where a match is looked for."""
        return self._take(target, texts, is_served=False)

    def take_outcome(self, target: str, text: str) -> Fault | None:
        """The fault that decides what becomes of what this request starts, if any; one strike of it is used up."""
        return self._take(target, (text,), is_served=True)

    def _take(self, target: str, texts: tuple[str, ...], *, is_served: bool) -> Fault | None:
        for place, fault in enumerate(self._armed):
            is_meant = fault.target == target and fault.is_served == is_served
            if is_meant and (not fault.match or any(fault.match in text for text in texts)):
                if fault.times > 1:
                    self._armed[place] = replace(fault, times=fault.times - 1)
                else:
                    del self._armed[place]
                return fault
        return None


def _require_known(fault: Fault) -> None:
    if fault.kill and fault.kill not in KILL_TIMES:
        raise ValueError(f"kill is {fault.kill!r}: before or after")
    if fault.lost and fault.lost not in LOSSES:
        raise ValueError(f"lost is {fault.lost!r}: request or answer")
    if fault.ends and fault.ends not in ENDS.get(fault.target, ()):
        raise ValueError(f"{fault.target} ends as {fault.ends!r}: {ENDS} are known")
    if fault.waits_s and fault.target not in ENDS:
        raise ValueError(f"{fault.target} waits: only {', '.join(ENDS)} do")
