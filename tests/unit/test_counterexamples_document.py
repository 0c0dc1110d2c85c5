"""Every row of the document of counterexamples names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \|.*\|([^|]+)\|$", re.MULTILINE)


def named_tests_by_row() -> dict[int, list[str]]:
    rows = ROW.findall((ROOT / "docs" / "counterexamples.md").read_text())
    return {int(number): re.findall(r"`(test_\w+)`", cell) for number, cell in rows}


def defined_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}


def test_all_rows_are_there() -> None:
    assert list(named_tests_by_row()) == list(range(1, 26))


@pytest.mark.parametrize(("row", "names"), named_tests_by_row().items())
def test_a_row_has_its_tests(row: int, names: list[str]) -> None:
    assert names, row
    assert not set(names) - defined_tests(), row


def test_the_files_that_search_are_there() -> None:
    files = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "counterexamples.md").read_text())
    assert files
    assert all((ROOT / file).is_file() for file in files)
