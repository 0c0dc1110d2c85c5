"""The runbook has an entry for every error that people can meet, and for none that is gone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "Errors of a run": ("include/dynamo_lake", "include/stream_capture", "plugins/lake_airflow", "glue_scripts"),
    "Errors of a deployment": ("include/deploy",),
    "Errors of the laptop": ("include/laptop",),
}
# What others derive from, what only the tests' own crashes raise, and what ends a laptop's stack quietly.
NOT_MET = {"LakeError", "TerminalError", "TransientError", "MergeCrashedError", "StoppedError"}
SECTION = re.compile(r"^## (Errors of [\w ]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^### (\w+Error)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def error_classes() -> set[tuple[str, str]]:
    """Every class whose name says that it is an error, by the section that it belongs to."""
    return {(section, name) for section, folders in FOLDERS.items() for folder in folders for name in errors_of(folder)}


def errors_of(folder: str) -> set[str]:
    trees = (ast.parse(file.read_text()) for file in (ROOT / folder).rglob("*.py"))
    classes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {node.name for node in classes if node.name.endswith("Error") and node.bases} - NOT_MET


def entries() -> dict[tuple[str, str], str]:
    sections = SECTION.findall((ROOT / "docs" / "runbook.md").read_text())
    return {(section, name): entry for section, text in sections for name, entry in ENTRY.findall(text)}


def test_every_error_has_its_entry_and_every_entry_its_error() -> None:
    assert entries().keys() == error_classes()


@pytest.mark.parametrize(("section", "name"), sorted(error_classes()))
def test_an_entry_says_what_to_do(section: str, name: str) -> None:
    assert "**Remedy**: " in entries()[section, name]
