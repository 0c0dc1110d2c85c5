"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.dynamo_lake.declaration import pipeline_names, read_declaration
from include.laptop.paths import ROOT

GENERIC = ("dags", "plugins", "glue_scripts", "include/dynamo_lake", "include/infra", "include/deploy")
AIRFLOW_WORDS = {"position", "task_id", "created_at", "updated_at"}


def files_below(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


@pytest.mark.parametrize("name", pipeline_names())
def test_nothing_of_a_pipeline_is_named_outside_its_declaration(name: str) -> None:
    pipeline = read_declaration(name)
    words = {name, pipeline.target.table, pipeline.target.list, *(s.table for s in pipeline.sources)}
    words |= {column.name for column in pipeline.target.columns} - AIRFLOW_WORDS
    words |= {column.attribute.name for column in pipeline.target.columns if column.attribute}
    words |= {source.id for source in pipeline.sources} | {key.name for s in pipeline.sources for key in s.key}
    words |= {pipeline.lookup.list} if pipeline.lookup else set()
    # An underscore joins words too: campaign_hourly names the pipeline.
    pattern = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(sorted(map(re.escape, words)))})(?![A-Za-z0-9])")
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files_below(*GENERIC)
        if (match := pattern.search(path.read_text(encoding="utf-8")))
    }
    assert found == set()


def test_the_domain_is_standard_library_only() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files_below("include/dynamo_lake")
        if path.suffix == ".py"
        for name in imported_modules(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("include.dynamo_lake")
    }
    assert found == set()


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_make_target_is_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    declared = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) - {"help"}
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert declared == set(re.findall(r"make ([a-z-]+)", shown)) - {"help"}


def test_instants_with_a_space_stay_whole() -> None:
    instant = "2026-11-24 01:00:00+00:00"
    for target, names in (("dag", ("START", "END")), ("local-aws", ("CLOCK",))):
        command = ["make", "--no-print-directory", "--dry-run", target, *(f"{name}={instant}" for name in names)]
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert shlex.split(shown.splitlines()[-1]).count(instant) == len(names)


def test_requirements_never_name_constraints() -> None:
    assert "constraint" not in (ROOT / "requirements.txt").read_text().lower()


def test_every_package_folder_can_ride_in_a_zip() -> None:
    folders = {
        path.parent for path in files_below("include", "glue_scripts", "plugins/lake_airflow") if path.suffix == ".py"
    }
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []
