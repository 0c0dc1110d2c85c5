"""The runbook has an entry for every error that people can meet, and for none that is gone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("include/dynamo_lake", "include/stream_capture", "include/deploy", "plugins/lake_airflow", "glue_scripts")
# What others derive from, and what only the tests' own crashes raise.
NOT_MET = {"LakeError", "TerminalError", "TransientError", "MergeCrashedError"}
ENTRY = re.compile(r"^### (\w+Error)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def error_classes() -> set[str]:
    """Every class whose name or base says that it is an error."""
    trees = (ast.parse(file.read_text()) for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    classes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {node.name for node in classes if node.name.endswith("Error") and node.bases} - NOT_MET


def entries() -> dict[str, str]:
    return dict(ENTRY.findall((ROOT / "docs" / "runbook.md").read_text()))


def test_every_error_has_its_entry_and_every_entry_its_error() -> None:
    assert entries().keys() == error_classes()


@pytest.mark.parametrize("name", sorted(error_classes()))
def test_an_entry_says_what_to_do(name: str) -> None:
    assert "**Remedy**: " in entries()[name]
