"""``make local-aws`` leaves a running local AWS and its settings alone, and starts nothing on mistaken declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.dynamo_lake.errors import DeclarationError, Mistake, TerminalError
from include.laptop import local_aws, paths


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
    monkeypatch.setattr(local_aws, "read_declaration", read)
    assert local_aws.main() == 2
    assert "title: missing" in capsys.readouterr().err
    assert nothing_starts.exists()
