"""What parsing the DAG files does, in interpreters of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.airflow_environment import ROOT


def parse(hash_seed: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "tests.dags.parsing"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    line = next((line for line in done.stdout.splitlines() if line.startswith("PARSED")), None)
    assert line is not None, done.stderr[-3000:]
    parsed: dict[str, Any] = json.loads(line.removeprefix("PARSED"))
    return parsed


@pytest.fixture(scope="module")
def parses() -> list[dict[str, Any]]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(parse, ("1", "2")))


def test_no_file_fails_to_import(parses: list[dict[str, Any]]) -> None:
    assert [parsed["errors"] for parsed in parses] == [{}, {}]


def test_two_parses_serialize_byte_for_byte_alike(parses: list[dict[str, Any]]) -> None:
    first, second = (parsed["serialized"] for parsed in parses)
    assert first == second != {}


def test_a_parse_loads_nothing_heavy_and_nothing_of_local_aws(parses: list[dict[str, Any]]) -> None:
    assert parses[0]["heavy"] == []


def test_a_parse_makes_no_aws_client_and_connects_to_nothing(parses: list[dict[str, Any]]) -> None:
    assert (parses[0]["clients"], parses[0]["connections"]) == ([], [])


def test_a_parse_reads_the_declarations_and_no_other_file(parses: list[dict[str, Any]]) -> None:
    others = {name for name in parses[0]["files"] if not name.startswith("include/pipelines/")}
    assert others <= {"dags", "dags/.airflowignore", "plugins", "plugins/.airflowignore", "include/pipelines"}


def test_a_parse_is_quick_once_airflow_is_loaded(parses: list[dict[str, Any]]) -> None:
    assert min(parsed["seconds"] for parsed in parses) < 2
