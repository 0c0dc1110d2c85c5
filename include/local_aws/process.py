"""Start and stop local AWS as a process of its own: the one way that commands and tests use.

Standard library only: it runs in every environment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AWS_PYTHON = ROOT / ".local" / "envs" / "aws" / "bin" / "python"
JAVA_HOME = (ROOT / ".local").resolve() / "java"
START_CEILING_S = 30.0
STOP_CEILING_S = 5.0


@dataclass(frozen=True)
class RunningLocalAws:
    """A running instance: its process, the environment that clients need, its log, and its own requests."""

    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    log_path: Path

    @property
    def endpoint_url(self) -> str:
        return self.environment["AWS_ENDPOINT_URL"]

    def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """Send one of local AWS's own requests (`GET /_local/status`) and return the decoded answer."""
        return ask(self.endpoint_url, method, path, content)

    def stop(self) -> None:
        """End the process with its children within 5 seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_CEILING_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def ask(endpoint_url: str, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
    """Send one `/_local/` request to an endpoint. Raises urllib's HTTPError for a refusal."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(endpoint_url + path, data=body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def read_environment(path: Path) -> dict[str, str]:
    """Read an environment file of `KEY=value` lines. Raises FileNotFoundError where local AWS does not run."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def start_local_aws(
    folder: Path, *, clock: str | None = None, python: Path = AWS_PYTHON, options: tuple[str, ...] = ()
) -> RunningLocalAws:
    """Start local AWS with all its files under `folder` and return when it is ready.

    Raises RuntimeError with the end of its log when it ends, or is not ready within 30 seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    env_file, log_path = folder / "aws.env", folder / "local-aws.log"
    env_file.unlink(missing_ok=True)
    command = [str(python), "-m", "include.local_aws", "--data", str(folder)]
    command += ["--env-file", str(env_file), "--die-with-parent", *options]
    if clock is not None:
        command += ["--clock", clock]
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=_clean_environment())
    try:
        _await_environment(process, env_file, log_path)
    except BaseException:  # an interrupt too: nobody else knows the process yet
        process.kill()
        process.wait()
        raise
    return RunningLocalAws(process, read_environment(env_file), log_path)


def _await_environment(process: subprocess.Popen[bytes], env_file: Path, log_path: Path) -> None:
    deadline = time.monotonic() + START_CEILING_S
    while not env_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"local AWS did not start; the end of {log_path}:\n{log_path.read_text()[-2000:]}")
        time.sleep(0.02)


@contextmanager
def local_aws(folder: Path, **options: Any) -> Iterator[RunningLocalAws]:
    """Local AWS for the time of a `with` block."""
    running = start_local_aws(folder, **options)
    try:
        yield running
    finally:
        running.stop()


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLOCK"))}
    java = {"JAVA_HOME": str(JAVA_HOME)} if JAVA_HOME.exists() else {}
    return {**kept, **java, "PYTHONPATH": str(ROOT)}
