"""A run's output in CloudWatch Logs, where Glue puts it."""

from __future__ import annotations

from pathlib import Path

from include.local_aws.calls import AwsError, Json
from include.local_aws.core import LocalAws
from include.local_aws.glue_jobs.arguments import Arguments

_EVENTS_AT_ONCE = 1000
_LONGEST_EVENT = 8000


async def ship_log(run_id: str, arguments: Arguments, folder: Path, aws: LocalAws) -> None:
    """Put the run's two log files into `<prefix>/output` and `<prefix>/error`, stream `run_id`."""
    prefix = str(arguments.get("--custom-logGroup-prefix") or "/aws-glue/jobs")
    for kind in ("output", "error"):
        path = folder / f"{kind}.log"
        lines = (
            [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
        )
        await _put(f"{prefix}/{kind}", run_id, lines, aws)


async def _put(group: str, stream: str, lines: list[str], aws: LocalAws) -> None:
    await _ensure("CreateLogGroup", {"logGroupName": group}, aws)
    await _ensure("CreateLogStream", {"logGroupName": group, "logStreamName": stream}, aws)
    now = int(aws.clock.now().timestamp() * 1000)
    for start in range(0, len(lines), _EVENTS_AT_ONCE):
        events = [
            {"timestamp": now, "message": line[:_LONGEST_EVENT]} for line in lines[start : start + _EVENTS_AT_ONCE]
        ]
        body: Json = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        await aws.forward("Logs_20140328.PutLogEvents", body)


async def _ensure(action: str, body: Json, aws: LocalAws) -> None:
    try:
        await aws.forward(f"Logs_20140328.{action}", body)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
