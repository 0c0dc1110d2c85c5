"""Faults that a test arms: the next answers of an operation are the error it names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from include.local_aws.calls import AwsError, Json


@dataclass(frozen=True)
class Fault:
    """`target` is an `X-Amz-Target`, or `<service>.<method>` (`s3.PUT`) for the others; strikes `times` more often."""

    target: str
    code: str
    message: str
    status: int
    times: int


class Faults:
    """The armed faults, oldest first."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, content: Json) -> None:
        """Arm one fault; an empty object disarms all. Raises KeyError for a missing target or code."""
        if not content:
            self._armed.clear()
            return
        message = str(content.get("message", "armed fault"))
        times = int(content.get("times", 1))
        self._armed.append(Fault(content["target"], content["code"], message, int(content.get("status", 400)), times))

    def take(self, target: str) -> AwsError | None:
        """The error that strikes this request, if any; uses the fault up."""
        for place, fault in enumerate(self._armed):
            if fault.target == target:
                if fault.times > 1:
                    self._armed[place] = replace(fault, times=fault.times - 1)
                else:
                    del self._armed[place]
                return AwsError(fault.code, fault.message, fault.status)
        return None
