"""The benchmarks' data are real exports, a change costs the same statements in any lake, and the document says what was measured."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.typing_rules import Rejection, type_source_item
from include.laptop.bench import __main__ as bench
from include.laptop.bench import document, live_stack, results
from include.laptop.bench.benchmark import QUICK, Values, ratio_verdict
from include.laptop.bench.generate import (
    FIRST_NEW,
    RECENT_ITEMS,
    campaign_json,
    item_json,
    recent_changes,
    scattered_changes,
    write_changes,
    write_items,
)

PHASES = {"start and check files": 6.0, "mirror user_campaign": 1.0, "target": 2.0}
MERGE: Values = {
    "job_s": 9.0, "work_s": 3.0, "phases": PHASES, "rows": 10, "bytes_written": 1 << 20, "peak_memory_bytes": 1 << 30,
}  # fmt: skip
RELOAD: Values = {"job_s": 40.0, "work_s": 33.0, "peak_memory_bytes": 1 << 30}
LIVE: Values = {
    "changes": 9000, "runs": 5, "median_s": 48.0, "p95_s": 80.0, "steps": dict.fromkeys(live_stack.STEPS, 8.0),
}  # fmt: skip
CASES = {
    "a": {"200000": MERGE, "1000000": {**MERGE, "job_s": 18.0}},
    "b": {"reload": {"run": MERGE, "reload": RELOAD}},
    "c": {"reload": RELOAD},
    "d": {
        mode: {"runs": [MERGE, MERGE], "read_s": 1.0, "scanned_bytes": 5} for mode in ("copy-on-write", "merge-on-read")
    },
    "e": {"load": {"items": 1_000_000, **MERGE}},
    "f": {"200000": {**MERGE, "load_s": 30.0}},
    "g": {"day": {"runs": [MERGE] * 24}},
    "h": {"steady": LIVE, "burst": {**LIVE, "median_s": 75.0}},
}


def test_every_generated_item_can_be_typed() -> None:
    pipeline = read_declaration("campaign")
    for number in (0, RECENT_ITEMS, FIRST_NEW):
        typed = type_source_item(pipeline, "user_campaign", json.loads(item_json(number, version=3)))
        assert not isinstance(typed, Rejection)
        assert len(typed.entries) == 5
    assert not isinstance(type_source_item(pipeline, "campaign_info", json.loads(campaign_json(7, 1))), Rejection)


def test_files_hold_what_their_manifest_says_and_are_made_once(tmp_path: Path) -> None:
    (file,) = write_items(tmp_path / "items", 30)
    lines = gzip.decompress(file.path.read_bytes()).decode().splitlines()
    assert (len(lines), file.bytes) == (file.records, file.path.stat().st_size) == (30, file.bytes)
    file.path.unlink()
    assert write_items(tmp_path / "items", 30) == [file]


def test_recent_changes_are_of_the_last_week_and_hold_updates_inserts_and_deletions(tmp_path: Path) -> None:
    changes = recent_changes(1000)
    (file,) = write_changes(tmp_path / "changes.json.gz", changes)
    lines = [json.loads(line) for line in gzip.decompress(file.path.read_bytes()).splitlines()]
    images = [line["NewImage"] for line in lines if "NewImage" in line]
    assert (len(lines), len(images)) == (1000, 950)
    assert sum(number >= FIRST_NEW for number in changes.written) == 150
    assert min(image["createdAt"]["S"] for image in images) >= "2025-12-25T12:00:00Z"
    assert not set(changes.deleted) & set(changes.written)


def test_scattered_changes_name_existing_items_of_the_whole_year() -> None:
    numbers = scattered_changes(200_000, 10_000).written
    months = {json.loads(item_json(number))["createdAt"]["S"][:7] for number in numbers}
    assert max(numbers) < 200_000
    assert len(months) >= 12


@pytest.mark.parametrize(
    ("ratio", "at_least", "said"),
    [
        (1.4, False, "x: **1.40** (target ≤ 1.5)"),
        (1.8, False, "x: **1.80** (target ≤ 1.5: missed by 20%)"),
        (1.2, True, "x: **1.20** (target ≥ 1.5: missed by 20%)"),
    ],
)
def test_a_verdict_says_by_how_much_a_target_is_missed(ratio: float, at_least: bool, said: str) -> None:
    assert ratio_verdict("x", ratio, 1.5, at_least=at_least) == said


def test_the_document_tells_every_benchmark_that_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(document, "_draw", lambda plots: drawn.extend(plot.name for plot in plots))
    kept = {key: {"day": "2026-11-01", "machine": "a laptop", "cases": cases} for key, cases in CASES.items()}
    document.write_document({"quick": kept, "full": {"a": kept["a"]}}, bench.BENCHMARKS)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "whole job, 5M rows against 1M rows: **2.00** (target ≤ 1.5: missed by 33%)" in text
    assert "without Spark's start: **11.00** (target ≥ 10)" in text
    assert "against a minute: **0.80** (target ≤ 1)" in text
    assert {"increments", "increments-full", "reload", "day-of-runs"} <= set(drawn)
    assert all(f"images/bench/{name}.svg" in text for name in drawn)
    assert len(drawn) == len(bench.BENCHMARKS) + 1


def test_a_changes_latency_is_the_sum_of_its_steps() -> None:
    captured = datetime.fromtimestamp(1007.5, UTC)
    files = (live_stack.AppliedFile(captured, (1000, 1002)),)
    run = live_stack.OnChangeRun(files, 1010.0, 1015.0, 1025.0, 1032.0, 1036.0, 1037.0)
    assert list(run.latencies()) == [
        (37.0, (7.5, 2.5, 5.0, 10.0, 7.0, 4.0, 1.0)),
        (35.0, (5.5, 2.5, 5.0, 10.0, 7.0, 4.0, 1.0)),
    ]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "KEPT", tmp_path / "benchmarks.json")
    results.read_unfinished(QUICK).add("a", "200000", MERGE)
    measured = results.read_unfinished(QUICK)
    assert measured.has("a", "200000")
    assert not measured.has("a", "1000000")
    results.keep(measured, "2026-11-01")
    assert results.read_kept()["quick"]["a"]["cases"] == {"200000": MERGE}
    assert not results.read_unfinished(QUICK).has("a", "200000")


def test_an_unknown_benchmark_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "a,z"])
    assert bench.main() == 2
    assert "no benchmark z; known: a, b" in capsys.readouterr().err
