"""Exit statuses of ``make dag``, ``make run`` and ``make clock``: 2 for what forbids a start, in words and no traceback."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import timedelta
from email.message import Message
from io import BytesIO
from typing import Any
from urllib.error import HTTPError

import pytest

from include.deploy.stack import StackError
from include.dynamo_lake.errors import DeclarationError, Mistake, TerminalError
from include.laptop import clock, dag, run, running
from include.laptop.dag_run import UnknownDagError
from include.laptop.paths import ROOT
from include.local_aws.clock import parse_instant

README = (ROOT / "README.md").read_text()


def test_the_readmes_range_lies_in_the_hour_that_its_steps_have_lived_through() -> None:
    words = dict(re.findall(r"^make .*?\b(CLOCK|START|ADVANCE)=(\S+)", README, re.MULTILINE))
    (end,) = re.findall(r"START=\S+ END=(\S+)", README)
    clock, start, ended = (parse_instant(text) for text in (words["CLOCK"], words["START"], end))
    assert clock <= start < ended <= clock + timedelta(seconds=int(words["ADVANCE"]))


def none_runs() -> dict[str, str]:
    raise TerminalError("No local AWS is running")


def called(module: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["make", *arguments])
    status: int = module.main()
    return status


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("campaign_hourly", "--conf", "{bad"), "CONF={bad is not JSON"),
        (("campaign_hourly", "--conf", "[1]"), "as a JSON object"),
        (("campaign_bootstrap", "--start", "2026-11-24T00:00:00Z"), "campaign_bootstrap takes no range"),
        (("campaign_reconcile", "--conf", '{"end": "2026-11-24T00:00:00Z"}'), "campaign_reconcile takes no range"),
        (("campaign_hourly", "--start", "2026-11-24T00:00:00Z"), "No local AWS is running"),
    ],
)
def test_a_dag_that_cannot_be_run_is_told_in_one_line(
    arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dag, "read_running", none_runs)
    assert called(dag, monkeypatch, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize(("outcome", "status"), [(True, 0), (False, 1), (UnknownDagError("no DAG"), 2)])
def test_the_exit_status_of_a_dag_is_its_runs_success(
    outcome: bool | Exception, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def run_dag(*_: object) -> bool:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(dag.paths, "LOCAL", tmp_path)
    monkeypatch.setattr(dag.paths, "ROOT", tmp_path)
    monkeypatch.setattr(dag, "read_running", dict)
    monkeypatch.setattr(dag, "read_all_deployed", lambda aws: ((), {}))
    monkeypatch.setattr(dag, "airflow_environment", lambda *_: {})
    monkeypatch.setattr(dag, "prepare_home", lambda home: home.mkdir(parents=True))
    monkeypatch.setattr(dag, "run_dag", run_dag)
    assert called(dag, monkeypatch, "campaign_hourly") == status


def none_deployed(_session: object, pipeline: Any) -> None:
    raise StackError(f"there is no stack {pipeline}: run `make deploy`")


def read_but_parcels(name: str) -> str:
    if name == "parcels":
        raise DeclarationError("parcels.toml", (Mistake("title", "missing", "Add it"),))
    return name


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (
            "orders_hourly",
            2,
            "the running local AWS has no stack of orders: stop it and start it again (`make local-aws`",
        ),
        ("parcels_on_change", 2, "title: missing"),
        ("orders_lines_hourly", 0, ""),
    ],
)
def test_a_pipeline_that_is_not_deployed_costs_only_its_own_dags(
    asked: str,
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(dag.paths, "LOCAL", tmp_path)
    monkeypatch.setattr(dag.paths, "ROOT", tmp_path)
    monkeypatch.setattr(dag, "read_running", dict)
    monkeypatch.setattr(running, "session", lambda aws: None)
    monkeypatch.setattr(running, "pipeline_names", lambda: ("orders", "parcels"))
    monkeypatch.setattr(running, "read_declaration", read_but_parcels)
    monkeypatch.setattr(running, "read_deployed", none_deployed)
    monkeypatch.setattr(dag, "airflow_environment", lambda *_: {})
    monkeypatch.setattr(dag, "prepare_home", lambda home: home.mkdir(parents=True))
    monkeypatch.setattr(dag, "run_dag", lambda *_: True)
    assert called(dag, monkeypatch, asked) == status
    out, err = capfd.readouterr()
    assert told in err
    if status == 0:
        assert "without the DAGs of orders: the running local AWS has no stack" in out
        assert "without the DAGs of parcels: parcels.toml: 1 mistake(s)" in out


def test_a_run_on_a_mistaken_declaration_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(name: str) -> None:
        raise DeclarationError(f"{name}.toml", (Mistake("title", "missing", "Add it"),))

    monkeypatch.setattr(running, "read_declaration", read)
    monkeypatch.setattr(run, "local_pipelines", lambda *_: pytest.fail("local AWS was started"))
    assert called(run, monkeypatch) == 2
    assert "title: missing" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "written"), [(1, 8), (7, 8), (8, 8), (9, 9)])
def test_a_run_of_few_items_writes_one_for_every_kind_of_change_and_says_so(
    asked: int, written: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(run, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(run, "local_pipelines", lambda *_: nullcontext({run.PIPELINE: None}))
    monkeypatch.setattr(run, "_fill_and_run", lambda _, count: counts.append(count))
    monkeypatch.setattr(run, "_show", lambda _: None)
    monkeypatch.setattr(run, "_compare", lambda _: None)
    assert called(run, monkeypatch, "--items", str(asked)) == 0
    assert counts == [written]
    assert ("8 items are written" in capfd.readouterr().out) is (asked < 8)


class Shown:
    """A pipeline whose readers see ``rows``; one is expected."""

    def __init__(self, *rows: tuple[str, ...]) -> None:
        self.rows = list(rows)

    def say(self, line: str) -> None: ...

    def shown_rows(self) -> list[tuple[str, ...]]:
        return self.rows

    def expected_rows(self) -> list[tuple[str, ...]]:
        return [("u1", "1")]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((), "1 missing"),
        ((("u1", "2"),), "1 missing .*1 too many"),
        ((("u1", "1"), ("u1", "1")), "the rows differ"),
    ],
)
def test_wrong_rows_fail_a_run(rows: tuple[tuple[str, ...], ...], told: str) -> None:
    run._compare(Shown(("u1", "1")))  # type: ignore[arg-type]
    with pytest.raises(run.RunFailedError, match=told):
        run._compare(Shown(*rows))  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "status"), [("0", 2), ("-5", 2), ("60", 1)])
def test_the_clock_only_goes_forward_and_needs_a_local_aws(
    seconds: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "read_running", none_runs)
    assert called(clock, monkeypatch, "--advance", seconds) == status
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_advanced_clock_says_the_new_present(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "read_running", lambda: {"AWS_ENDPOINT_URL": "http://x"})
    monkeypatch.setattr(clock, "ask", lambda *_: {"now": "2026-11-24T02:00:00Z"})
    assert called(clock, monkeypatch, "--advance", "60") == 0
    assert "2026-11-24T02:00:00Z" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HTTPError("http://x", 400, "Bad Request", Message(), BytesIO(b"at most 366 days")), "at most 366 days"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_refused_step_of_the_clock_is_told_in_one_line(
    error: OSError, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*_: object) -> None:
        raise error

    monkeypatch.setattr(clock, "read_running", lambda: {"AWS_ENDPOINT_URL": "http://x"})
    monkeypatch.setattr(clock, "ask", ask)
    assert called(clock, monkeypatch, "--advance", "100000000000000") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ADVANCE=100000000000000")
    assert told in line
