"""What is deployed is imported as its service imports it: nothing of the checkout on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from include.deploy import dist
from include.deploy.airflow_bundle import PLUGINS, REQUIREMENTS, build_airflow_bundle
from include.deploy.bundle import CAPTURE, LIBRARY, SCRIPT, build_bundle
from include.deploy.dist import write_dist
from include.deploy.settings import KEY_BY_OUTPUT, build_settings
from include.dynamo_lake.declaration import pipeline_names
from include.dynamo_lake.names import PipelineNames
from tests.infra.checkouts import copy_checkout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundle")
    write_dist(copy_checkout(root / "checkout"), root / "dist")
    return root / "dist"


def _named(folder: Path, name: str) -> Path:
    return folder / json.loads((folder / "bundle.json").read_text())["files"][name]


def _run(program: str, cwd: Path, *arguments: str, **variables: str) -> list[str]:
    """Run a program in an interpreter that has the installed packages and nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIRFLOW", "AWS"))}
    command = [sys.executable, "-I", "-W", "ignore", "-c", program, *arguments]
    done = subprocess.run(command, cwd=cwd, env={**kept, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def _extracted(archive: Path, folder: Path) -> Path:
    zipfile.ZipFile(archive).extractall(folder)
    return folder


def test_two_checkouts_make_the_same_files_under_the_same_names(folder: Path, tmp_path: Path) -> None:
    write_dist(copy_checkout(tmp_path / "elsewhere"), tmp_path / "dist")
    mine, other = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in (folder, tmp_path / "dist")
    )
    assert mine == other
    assert {name.name.rsplit("-", 1)[0] for name in mine if "-" in name.name} == {
        name.rsplit(".", 1)[0] for name in (SCRIPT, LIBRARY, CAPTURE, PLUGINS, REQUIREMENTS)
    }


def test_a_folder_of_something_else_is_not_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    assert dist.main(["--into", str(tmp_path)]) == 1
    assert "name another folder" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").is_file()


@pytest.mark.parametrize(
    ("changed", "new_plugins", "new_code"),
    [
        ("plugins/lake_airflow/docs.py", True, False),
        ("include/dynamo_lake/names.py", True, True),
        ("glue_scripts/merge_job.py", False, True),
        ("dags/hourly.py", False, False),
    ],
)
def test_a_change_makes_a_new_version_of_what_it_is_in(
    tmp_path: Path, changed: str, new_plugins: bool, new_code: bool
) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    before = build_airflow_bundle(checkout, build_bundle(checkout).version)
    (checkout / changed).write_text((checkout / changed).read_text() + "\n# changed\n")
    after = build_airflow_bundle(checkout, build_bundle(checkout).version)
    assert (after.plugins_version != before.plugins_version) is new_plugins
    assert (after.code_version != before.code_version) is new_code
    assert (after.dags == before.dags) is not (new_plugins or new_code or changed.startswith("dags/"))


def test_airflow_imports_every_dag_with_the_plugins_folder_alone_on_its_path(folder: Path, tmp_path: Path) -> None:
    plugins = _extracted(_named(folder, PLUGINS), tmp_path / "plugins")
    program = (
        "import sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag(dag_folder=sys.argv[1], bundle_path=__import__('pathlib').Path(sys.argv[1]), bundle_name='x')\n"
        "assert not bag.import_errors, bag.import_errors\n"
        "import include.dynamo_lake, lake_airflow\n"
        "for module in (include.dynamo_lake, lake_airflow): assert module.__file__.startswith(sys.argv[2]), module\n"
        "from airflow import plugins_manager\n"
        "plugins, errors = plugins_manager._get_plugins()\n"
        "assert not errors, errors\n"
        "print(*sorted(bag.dags)); print(*[p.name for p in plugins if p.name == 'lake'])\n"
    )
    settings: dict[str, str] = {}
    for name in pipeline_names():
        settings |= build_settings(name, dict.fromkeys(KEY_BY_OUTPUT, "value"))
    variables = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    dags, found = _run(program, tmp_path, str(folder / "dags"), str(plugins), **settings, **variables)[-2:]
    assert {PipelineNames(name).dag_id(kind) for name in pipeline_names() for kind in ("bootstrap", "hourly")} <= set(
        dags.split()
    )
    assert found == "lake"


def test_airflow_scans_one_file_of_the_plugins_folder(folder: Path, tmp_path: Path) -> None:
    plugins = _extracted(_named(folder, PLUGINS), tmp_path / "plugins")
    program = (
        "import sys\n"
        "from airflow._shared.module_loading.file_discovery import find_path_from_directory as find\n"
        "for syntax in ('glob', 'regexp'):\n"
        "    print(*[p.rpartition('/')[2] for p in find(sys.argv[1], '.airflowignore', syntax) if p.endswith('.py')])\n"
    )
    assert _run(program, tmp_path, str(plugins)) == ["lake_airflow_plugin.py"] * 2


def test_glue_finds_script_packages_and_declarations_in_its_zip(folder: Path, tmp_path: Path) -> None:
    library = _named(folder, LIBRARY)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import runpy; runpy.run_path(sys.argv[2], run_name='imported')\n"
        "import glue_scripts, include.dynamo_lake\n"
        "for module in (glue_scripts, include.dynamo_lake): assert module.__file__.startswith(sys.argv[1]), module\n"
        "from include.dynamo_lake.declaration import pipeline_names, read_declaration\n"
        "print(*[read_declaration(name).name for name in pipeline_names()])\n"
    )
    assert _run(program, tmp_path, str(library), str(_named(folder, SCRIPT))) == [" ".join(pipeline_names())]


def test_lambda_loads_its_handler_from_its_zip(folder: Path, tmp_path: Path) -> None:
    task = _extracted(_named(folder, CAPTURE), tmp_path / "task")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import importlib\n"
        "module = importlib.import_module('include.stream_capture.handler')\n"
        "assert module.__file__.startswith(sys.argv[1]); print(callable(module.handle))\n"
    )
    variables = {
        "PIPELINE": pipeline_names()[0],
        "BUCKET": "b",
        "WAKE_UP_QUEUE_URL": "https://q",
        "AWS_REGION": "eu-central-1",
    }
    assert _run(program, tmp_path, str(task), AWS_DEFAULT_REGION="eu-central-1", **variables) == ["True"]


def test_both_stamps_name_the_same_versions(folder: Path) -> None:
    in_plugins = json.loads(zipfile.ZipFile(_named(folder, PLUGINS)).read("lake_airflow/bundle.json"))
    index = json.loads((folder / "bundle.json").read_text())
    assert json.loads((folder / "dags" / "bundle.json").read_text()) == in_plugins
    assert in_plugins == {"code": index["code"], "plugins": index["plugins"]}


def test_the_command_says_what_an_incomplete_checkout_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "requirements.txt").unlink()
    monkeypatch.setattr(dist, "ROOT", checkout)
    assert dist.main(["--into", str(tmp_path / "dist")]) == 1
    assert "requirements.txt is missing" in capsys.readouterr().err
