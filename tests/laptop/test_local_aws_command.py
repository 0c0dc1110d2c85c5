"""``make local-aws`` leaves a running local AWS and its settings alone, and starts nothing on mistaken declarations."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.dynamo_lake.errors import DeclarationError, Mistake, TerminalError
from include.laptop import local_aws, paths, running
from include.local_aws.__main__ import parse_options
from include.local_aws.process import start_local_aws


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("local AWS was started")

    env_file = tmp_path / "aws.env"
    env_file.write_text("AWS_ENDPOINT_URL=http://127.0.0.1:1\n")
    monkeypatch.setattr(paths, "AWS_ENV_FILE", env_file)
    monkeypatch.setattr(local_aws, "start_local_aws", start)
    monkeypatch.setattr("sys.argv", ["local-aws"])
    return env_file


def test_a_second_start_leaves_the_first_ones_settings_alone(
    nothing_starts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_aws, "read_running", lambda: {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    assert local_aws.main() == 2
    assert "runs already at http://127.0.0.1:4566" in capsys.readouterr().err
    assert nothing_starts.exists()


def test_mistaken_declarations_are_told_before_anything_is_started(
    nothing_starts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(name: str) -> None:
        raise DeclarationError(f"{name}.toml", (Mistake("title", "missing", "Add it"),))

    def none_runs() -> dict[str, str]:
        raise TerminalError("none")

    monkeypatch.setattr(local_aws, "read_running", none_runs)
    monkeypatch.setattr(running, "pipeline_names", lambda: ("orders", "parcels"))
    monkeypatch.setattr(running, "read_declaration", read)
    assert local_aws.main() == 2
    told = capsys.readouterr().err
    assert told.count("title: missing") == 2
    assert "orders.toml" in told
    assert "parcels.toml" in told
    assert nothing_starts.exists()


@pytest.mark.parametrize(
    ("clock", "told"),
    [("tomorrow", "'tomorrow'"), ("2999-01-01T00:00:00Z", "in the future"), ("2026-11-24", "has no offset")],
)
def test_a_clock_that_is_no_past_instant_is_refused_in_one_line(
    clock: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["local-aws", "--clock", clock])
    assert local_aws.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_local_aws_that_does_not_start_is_an_exit_status_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(*_: object, **__: object) -> None:
        raise RuntimeError("local AWS did not start")

    def none_runs() -> dict[str, str]:
        raise TerminalError("none")

    monkeypatch.setattr(local_aws, "read_running", none_runs)
    monkeypatch.setattr(local_aws, "start_local_aws", start)
    assert local_aws.main() == 1
    assert capsys.readouterr().err == "local AWS did not start\n"


def test_the_port_of_another_program_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start(*_: object, **options: object) -> None:
        started.extend(options)
        raise RuntimeError("local AWS did not start")

    monkeypatch.setenv("PORT", "a word")
    monkeypatch.setattr(local_aws, "start_local_aws", start)
    assert local_aws._run(None) == 1
    assert started == ["clock"]
    assert parse_options([]).port == 0


@pytest.fixture
def handlers_stay() -> Iterator[None]:
    """The signal handlers of the test's process, as they were."""
    kept = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    yield
    for name, handler in kept.items():
        signal.signal(name, handler)


@pytest.mark.usefixtures("handlers_stay")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_before_it_is_ready_breaks_the_deployment_off_and_says_one_line(
    stop: signal.Signals, nothing_starts: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def none_runs() -> dict[str, str]:
        raise TerminalError("none")

    def deploy(*_: object) -> None:
        os.kill(os.getpid(), stop)
        time.sleep(5)
        raise AssertionError("the deployment went on")

    stops: list[bool] = []
    aws = SimpleNamespace(environment={}, stop=lambda: stops.append(True))
    monkeypatch.setattr(local_aws, "read_running", none_runs)
    monkeypatch.setattr(local_aws, "start_local_aws", lambda *_, **__: aws)
    monkeypatch.setattr(local_aws, "deploy_all", deploy)
    assert local_aws.main() == 0
    out, err = capfd.readouterr()
    assert (len(out.splitlines()), "stopped" in out, err) == (1, True, "")
    assert stops == [True]
    assert not nothing_starts.exists()


def test_an_interrupted_start_leaves_no_process_behind(tmp_path: Path) -> None:
    server, pid_file = tmp_path / "server", tmp_path / "pid"
    server.write_text(f"#!/bin/sh\necho $$ > {pid_file}\nexec sleep 60\n")
    server.chmod(0o755)

    def interrupt() -> None:
        while not pid_file.exists() or not pid_file.read_text().strip():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        start_local_aws(tmp_path / "aws", python=server)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
