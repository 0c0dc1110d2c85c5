"""Carry one job run from STARTING to its end, beside the requests."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from pathlib import Path

from botocore.exceptions import ClientError

from include.local_aws import base_events
from include.local_aws.calls import AwsError
from include.local_aws.core import LocalAws
from include.local_aws.glue_jobs.arguments import Arguments, merge_arguments
from include.local_aws.glue_jobs.launch import Launch, prepare_launch
from include.local_aws.glue_jobs.logs import ship_log
from include.local_aws.glue_jobs.runs import JobRun, runs_of
from include.local_aws.service_roles import take_role

_STOP_GRACE_S = 5
_ERROR_LINE = re.compile(r"^(?:[\w.]+(?:Error|Exception|Exit|Interrupt|Warning)\b.*|[A-Za-z_][\w.]*: .+)$")
_LONGEST_ERROR = 2000


async def execute_run(run: JobRun, aws: LocalAws) -> None:
    """Run to SUCCEEDED, FAILED, TIMEOUT or STOPPED, or to the end that a fault says; a failed run is tried again as MaxRetries
    says. Never raises.
    """
    await _attempt(run, aws)
    if run.state == "FAILED" and run.attempt < int(run.job.get("MaxRetries") or 0):
        again = JobRun(
            f"{run.id.partition('_attempt_')[0]}_attempt_{run.attempt + 1}", run.job, run.arguments, run.timeout_minutes,
            aws.clock.now(), run.attempt + 1, run.id, workers=run.workers, worker_type=run.worker_type,
        )  # fmt: skip
        runs_of(aws).add(again)
        await execute_run(again, aws)


async def _attempt(run: JobRun, aws: LocalAws) -> None:
    folder = aws.settings.data_dir / "glue_jobs" / run.id
    arguments = merge_arguments(
        run.job.get("DefaultArguments") or {}, run.arguments, run.job.get("NonOverridableArguments") or {}
    )
    started = time.monotonic()
    state, error = "FAILED", ""
    try:
        await _wait_for_capacity(run, aws)
        started = time.monotonic()
        state, error = await _run(run, arguments, aws, folder)
    except (AwsError, ClientError, ValueError, OSError) as failure:
        error = failure.message if isinstance(failure, AwsError) else f"{type(failure).__name__}: {failure}"
    except Exception as failure:
        error = f"local Glue failed: {failure!r}"
        raise
    finally:
        if run.fault is not None and run.ends_as and state != "STOPPED":
            state, error = run.ends_as, run.fault.message
        run.execution_s = round(time.monotonic() - started)
        await ship_log(run.id, arguments, folder, aws)
        run.move(state, aws.clock.now(), error[:_LONGEST_ERROR])
        _tell_end(run, aws)
        shutil.rmtree(folder / "spill", ignore_errors=True)


def _tell_end(run: JobRun, aws: LocalAws) -> None:
    """Glue's event about the end of a run, for the rules of EventBridge."""
    is_well = run.state in {"SUCCEEDED", "STOPPED"}
    detail = {
        "jobName": run.job["Name"], "severity": "INFO" if is_well else "ERROR", "state": run.state, "jobRunId": run.id,
        "message": run.error or f"Job run {run.state.lower()}",
    }  # fmt: skip
    base_events.emit(aws.settings.account_id, aws.settings.region, "aws.glue", "Glue Job State Change", detail)


async def _wait_for_capacity(run: JobRun, aws: LocalAws) -> None:
    """WAITING, as long as the run's fault says and nobody stops it."""
    if run.fault is None or not run.fault.waits_s:
        return
    run.move("WAITING", aws.clock.now())
    deadline = time.monotonic() + run.fault.waits_s
    while time.monotonic() < deadline and not run.stop_requested:
        await asyncio.sleep(0.1)


async def _run(run: JobRun, arguments: Arguments, aws: LocalAws, folder: Path) -> tuple[str, str]:
    """Prepare the script and run it; returns the final state and its error message. An expired run never began."""
    if run.stop_requested or run.ends_as == "EXPIRED":
        return "STOPPED" if run.stop_requested else run.ends_as, ""
    launch = await _prepare(run, arguments, aws, folder)
    return ("STOPPED", "") if run.stop_requested else await _run_process(run, launch, aws)


async def _prepare(run: JobRun, arguments: Arguments, aws: LocalAws, folder: Path) -> Launch:
    role = take_role(
        str(run.job.get("Role", "")), f"GlueJobRunnerSession-{run.id[3:15]}", "glue.amazonaws.com", aws.settings.account_id,
        aws.settings.region,
    )  # fmt: skip
    return await asyncio.to_thread(prepare_launch, run.job, run.id, arguments, role, aws.settings, folder)


async def _run_process(run: JobRun, launch: Launch, aws: LocalAws) -> tuple[str, str]:
    """Start the script and wait for its end, a stop, or the timeout; returns the final state and its error message."""
    with (launch.folder / "output.log").open("wb") as output, (launch.folder / "error.log").open("wb") as errors:
        process = await aws.spawn(
            *launch.command, cwd=str(launch.folder), env=launch.environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=errors,
        )  # fmt: skip
    run.process_id = process.pid
    if run.stop_requested:
        aws.background(stop_process(run))
    elif run.is_active:
        run.move("RUNNING", aws.clock.now())
    try:
        status = await asyncio.wait_for(process.wait(), run.timeout_minutes * 60)
    except TimeoutError:
        await stop_process(run)
        await process.wait()
        return "TIMEOUT", f"Job run exceeded its timeout of {run.timeout_minutes} minutes"
    finally:
        run.process_id = None
    if run.stop_requested:
        return "STOPPED", ""
    return ("SUCCEEDED", "") if status == 0 else ("FAILED", _last_error(launch.folder / "error.log", status))


async def stop_process(run: JobRun) -> None:
    """End the run's process with its group: politely, then for good."""
    process_id = run.process_id
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process_id is None or not _signal(process_id, number):
            return
        deadline = time.monotonic() + _STOP_GRACE_S
        while time.monotonic() < deadline and run.process_id is not None:
            await asyncio.sleep(0.1)


def kill_job_runs(aws: LocalAws) -> None:
    """Kill the processes of all runs under way, as a machine that fails does: their runs end as FAILED."""
    for run in runs_of(aws).under_way():
        if run.process_id is not None:
            _signal(run.process_id, signal.SIGKILL)


def _signal(process_id: int, number: int) -> bool:
    try:
        os.killpg(process_id, number)
    except ProcessLookupError:
        return False
    return True


def _last_error(path: Path, status: int) -> str:
    """The last exception's text, as Glue shows it."""
    lines = path.read_text(errors="replace").splitlines()
    start = max(
        (place for place, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")), default=-1
    )
    if start >= 0:
        found = [line for line in lines[start + 1 :] if _ERROR_LINE.match(line)]
        if found:
            return found[0]
    if status < 0:
        return f"Job's process was ended by signal {-status}"
    last = next((line for line in reversed(lines) if line.strip() and "WARN" not in line), "")
    return last or f"SystemExit: {status}"
