"""``make local-aws`` leaves a running local AWS and its settings alone, and starts nothing on mistaken declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.dynamo_lake.errors import DeclarationError, Mistake, TerminalError
from include.laptop import local_aws, paths, running


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
