"""Faults that a test arms: the next requests of an operation are refused, or kill the job run that sends them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from include.local_aws.calls import AwsError, Json

KILL_TIMES = ("before", "after")


@dataclass(frozen=True)
class Fault:
    """`target` is an `X-Amz-Target`, or `<service>.<method>` (`s3.PUT`) for the others; strikes `times` more often.

    `match`: text that the request's path or body must hold. `kill`: the Glue job runs under way are killed before the request
    is served, or after it (their answer gets lost); else it is refused with `code`.
    """

    target: str
    code: str
    message: str
    status: int
    times: int
    match: str = ""
    kill: str = ""

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

        Raises KeyError for a missing target, or for a missing code where nothing is killed; ValueError for another time to kill.
        """
        if not content:
            self._armed.clear()
            return
        kill = str(content.get("kill", ""))
        if kill and kill not in KILL_TIMES:
            raise ValueError(f"kill is {kill!r}: before or after")
        self._armed.append(
            Fault(
                target=content["target"],
                code="ServiceUnavailable" if kill else content["code"],
                message=str(content.get("message", "armed fault")),
                status=int(content.get("status", 503 if kill else 400)),
                times=int(content.get("times", 1)),
                match=str(content.get("match", "")),
                kill=kill,
            )
        )

    def take(self, target: str, *texts: str) -> Fault | None:
        """The fault that strikes this request, if any; one strike of it is used up. `texts`: where a match is looked for."""
        for place, fault in enumerate(self._armed):
            if fault.target == target and (not fault.match or any(fault.match in text for text in texts)):
                if fault.times > 1:
                    self._armed[place] = replace(fault, times=fault.times - 1)
                else:
                    del self._armed[place]
                return fault
        return None
