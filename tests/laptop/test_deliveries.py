"""`make dag` of a DAG that hears its streams waits for what local AWS has under way, and for nothing that hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.laptop import dag, deliveries
from include.laptop.deliveries import await_deliveries


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What local AWS answers one after the other: records under way, records held back; the last one again and again."""
    counts: list[tuple[int, int]] = []

    def read(endpoint_url: str, method: str, path: str) -> dict[str, dict[str, int]]:
        assert (endpoint_url, method, path) == ("http://aws", "GET", "/_local/status")
        under_way, held_back = counts.pop(0) if len(counts) > 1 else counts[0]
        return {"undelivered": {"under_way": under_way, "held_back": held_back}}

    monkeypatch.setattr(deliveries, "ask", read)
    monkeypatch.setattr(deliveries, "_POLL_S", 0.001)
    return counts


@pytest.fixture
def said() -> list[str]:
    return []


def test_what_is_under_way_is_waited_for(answers: list[tuple[int, int]], said: list[str]) -> None:
    answers += [(3, 0), (2, 0), (0, 0)]
    await_deliveries("http://aws", said.append)
    assert answers == [(0, 0)]
    assert said == ["waiting for 3 stream records, at most 60 s"]


def test_nothing_under_way_is_no_wait_and_no_word(answers: list[tuple[int, int]], said: list[str]) -> None:
    answers += [(0, 0), (9, 9)]
    await_deliveries("http://aws", said.append)
    assert answers == [(9, 9)]
    assert said == []


def test_what_a_failing_function_holds_back_is_told_and_not_waited_for(
    answers: list[tuple[int, int]], said: list[str]
) -> None:
    answers += [(0, 4), (9, 9)]
    await_deliveries("http://aws", said.append)
    assert answers == [(9, 9)]
    assert "4 stream records are held back" in said[0]


def test_the_wait_has_a_ceiling(answers: list[tuple[int, int]], said: list[str]) -> None:
    answers += [(5, 0)]
    await_deliveries("http://aws", said.append, ceiling_s=0.02)
    assert said[-1] == "5 stream records are still under way: this run goes on without them"


@pytest.mark.parametrize(
    ("dag_id", "order"), [("campaign_on_change", ["http://aws", "run"]), ("campaign_hourly", ["run"])]
)
def test_a_dag_that_hears_its_streams_starts_after_the_deliveries(
    dag_id: str, order: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[str] = []

    def run_dag(*_: object) -> bool:
        done.append("run")
        return True

    monkeypatch.setattr("sys.argv", ["make", dag_id])
    monkeypatch.setattr(dag.paths, "LOCAL", tmp_path)
    monkeypatch.setattr(dag.paths, "ROOT", tmp_path)
    monkeypatch.setattr(dag, "read_running", lambda: {"AWS_ENDPOINT_URL": "http://aws"})
    monkeypatch.setattr(dag, "read_all_deployed", lambda aws: ((), {}))
    monkeypatch.setattr(dag, "airflow_environment", lambda *_: {})
    monkeypatch.setattr(dag, "prepare_home", lambda home: home.mkdir(parents=True))
    monkeypatch.setattr(dag, "await_deliveries", lambda endpoint_url, say: done.append(endpoint_url))
    monkeypatch.setattr(dag, "run_dag", run_dag)
    assert dag.main() == 0
    assert done == order
