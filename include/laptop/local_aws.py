"""``make local-aws``: local AWS in the foreground with every stack deployed and the tables empty, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time

from include.dynamo_lake.errors import LakeError, TerminalError
from include.laptop import paths
from include.laptop.airflow_env import enter_clean_environment
from include.laptop.running import Progress, deploy_all, read_declarations, read_running
from include.local_aws.clock import Clock, parse_instant
from include.local_aws.process import RunningLocalAws, start_local_aws

_STOPS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Serve until SIGINT or SIGTERM; 1 when local AWS or a deployment fails, 2 where clock, declarations or place forbid it."""
    parser = argparse.ArgumentParser(prog="make local-aws", description=__doc__)
    parser.add_argument("--clock", help="start at this instant of the past (ISO 8601)")
    options = parser.parse_args()
    for name in _STOPS:
        signal.signal(name, _stop)
    try:
        _check_clock(options.clock)
        _check_place()
    except LakeError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _stopped()
    return _run(options.clock)


def _run(clock: str | None) -> int:
    say = Progress()
    try:
        paths.AWS_ENV_FILE.unlink(missing_ok=True)
        running = start_local_aws(paths.AWS_DATA, clock=clock)
        try:
            return _serve(running, say)
        finally:
            paths.AWS_ENV_FILE.unlink(missing_ok=True)
            running.stop()
    except (LakeError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _stopped()


def _stop(_signal: int, _frame: object) -> None:
    """Break off whatever is going on, a deployment too; while that is cleaned up a second Ctrl-C changes nothing."""
    for name in _STOPS:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def _stopped() -> int:
    print("stopped")
    return 0


def _check_clock(clock: str | None) -> None:
    """Refuse what is no instant of the past."""
    if clock is None:
        return
    try:
        Clock(parse_instant(clock))
    except ValueError as error:
        raise TerminalError(f"`CLOCK={clock}` cannot be: {error}") from error


def _check_place() -> None:
    """Refuse mistaken declarations, and a second local AWS in one checkout: it would take the place of the first one's settings."""
    read_declarations()
    try:
        aws = read_running()
    except TerminalError:
        return
    raise TerminalError(
        f"Local AWS runs already at {aws['AWS_ENDPOINT_URL']}: use it, or stop it there with Ctrl-C first"
    )


def _serve(running: RunningLocalAws, say: Progress) -> int:
    enter_clean_environment()
    os.environ.update(running.environment)
    deploy_all(running.environment, say)
    staged = paths.AWS_ENV_FILE.with_suffix(".new")
    shutil.copyfile(running.log_path.with_name("aws.env"), staged)
    staged.rename(paths.AWS_ENV_FILE)
    say(
        f"local AWS is ready at {running.endpoint_url}; its environment is in {paths.AWS_ENV_FILE.relative_to(paths.ROOT)}; Ctrl-C stops it"
    )
    while running.process.poll() is None:
        time.sleep(0.5)
    print(f"local AWS ended; its log is {running.log_path}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
