"""The declared environments: checked with every mistake at once, in the bounds that the template takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from include.deploy import __main__ as command
from include.deploy.environments import (
    _BOUNDS,
    _LOG_DAYS,
    ENVIRONMENTS,
    SIZES,
    UnknownEnvironmentError,
    read_environment,
)
from include.dynamo_lake.declaration import pipeline_names
from tests.infra.releasing import LOCAL, NAME
from tests.infra.template import ROOT, read_template


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of declared environments of a checkout in ``tmp_path``."""
    path = tmp_path / ENVIRONMENTS
    path.parent.mkdir(parents=True)
    return path


def test_environments_are_checked_with_every_mistake_at_once(tmp_path: Path, file: Path) -> None:
    file.write_text('[odd]\nregion = 5\nmwa = "x"\npipelines = ["unheard_of"]\n')
    with pytest.raises(UnknownEnvironmentError) as raised:
        read_environment(tmp_path, "odd")
    for part in ("account is missing", "region is 5, write a str", "mwa is unknown", "no declaration unheard_of"):
        assert part in str(raised.value)
    with pytest.raises(UnknownEnvironmentError, match="there is: odd"):
        read_environment(tmp_path, "even")


def test_sizes_are_what_the_template_takes(tmp_path: Path, file: Path) -> None:
    table = '[sized]\nregion = "eu-central-1"\naccount = "000000000000"\n'
    file.write_text(f"{table}merge_workers = 10\nlog_retention_days = 30\n")
    sizes = read_environment(tmp_path, "sized").sizes
    assert sizes == {"MergeWorkers": "10", "LogRetentionDays": "30"}
    file.write_text(f"{table}merge_workers = 1\nmerge_timeout_minutes = true\nlog_retention_days = 8\n")
    with pytest.raises(UnknownEnvironmentError) as raised:
        read_environment(tmp_path, "sized")
    for part in ("merge_workers is 1, write 2 to 100", "write a int", "log_retention_days is 8, write one of 7, 14"):
        assert part in str(raised.value)
    declared = read_template()["Parameters"]
    for name, (least, most) in _BOUNDS.items():
        body = declared[SIZES[name]]
        assert (body["MinValue"], body.get("MaxValue", most)) == (least, most)
    assert tuple(declared["LogRetentionDays"]["AllowedValues"]) == _LOG_DAYS


def test_a_bucket_of_ones_own_is_for_one_named_pipeline(tmp_path: Path, file: Path) -> None:
    table = '[mine]\nregion = "eu-central-1"\naccount = "000000000000"\nbucket = "mine"\nkey_arn = "arn"\n'
    file.write_text(f"{table}pipelines = []\n")
    with pytest.raises(UnknownEnvironmentError, match="bucket holds one pipeline"):
        read_environment(tmp_path, "mine")
    file.write_text(f'{table}pipelines = ["{NAME}"]\n')
    assert read_environment(tmp_path, "mine").bucket == "mine"


def test_every_declared_environment_can_be_read() -> None:
    assert read_environment(ROOT, "local") == replace(LOCAL, pipelines=pipeline_names())
    assert read_environment(ROOT, "example").mwaa == "analytics"


def test_a_pipeline_that_is_not_the_environments_is_not_deployed_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = replace(LOCAL, bucket="mine", key_arn="arn", pipelines=("orders",))
    monkeypatch.setattr(command, "read_environment", lambda *_: declared)
    assert command.main(["deploy", "--env", "local", "--pipeline", NAME]) == 2
    assert f"[local] has no pipeline '{NAME}'; it has: orders" in capsys.readouterr().err


def test_an_unknown_environment_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["deploy", "--env", "nowhere"]) == 2
    assert "no environment 'nowhere'" in capsys.readouterr().err
