"""A run whose parts come from two deployments refuses to begin."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from lake_airflow import versions
from lake_airflow.versions import MixedVersionsError, require_one_version

CODE, OTHER = "c" * 64, "d" * 64


def _lake(job_code: str, setting: str = CODE) -> Any:
    glue = boto3.client("glue", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    stub = Stubber(glue)
    location = f"s3://bucket/code/{job_code}/merge_job.py"
    stub.add_response(
        "get_job", {"Job": {"Name": "merge", "Command": {"ScriptLocation": location}}}, {"JobName": "merge"}
    )
    stub.activate()
    return SimpleNamespace(
        clients=SimpleNamespace(glue=glue), settings=SimpleNamespace(merge_job="merge", code_version=setting)
    )


def _stamp(folder: Path, code: str = CODE, plugins: str = "p") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bundle.json").write_text(json.dumps({"code": code, "plugins": plugins}))
    return folder


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = _stamp(tmp_path / "plugins")
    monkeypatch.setattr(versions, "files", lambda _: folder)
    return folder


def test_a_checkout_is_one_version_and_asks_nobody(tmp_path: Path) -> None:
    require_one_version(SimpleNamespace(), tmp_path)  # type: ignore[arg-type]


def test_parts_of_one_deployment_pass(plugins: Path, tmp_path: Path) -> None:
    require_one_version(_lake(CODE), _stamp(tmp_path / "dags"))


@pytest.mark.parametrize(
    ("lake", "dags"),
    [
        (_lake(OTHER), {}),
        (_lake(CODE, setting=OTHER), {}),
        (_lake(CODE), {"code": OTHER}),
        (_lake(CODE), {"plugins": "q"}),
    ],
)
def test_one_part_of_another_deployment_is_named(
    plugins: Path, tmp_path: Path, lake: Any, dags: dict[str, str]
) -> None:
    with pytest.raises(MixedVersionsError, match=r"Half a deployment: .*make deploy"):
        require_one_version(lake, _stamp(tmp_path / "dags", **dags))


def test_dags_without_stamp_beside_bundled_plugins_are_half_a_deployment(plugins: Path, tmp_path: Path) -> None:
    with pytest.raises(MixedVersionsError, match="DAG folder none"):
        require_one_version(_lake(CODE), tmp_path)
