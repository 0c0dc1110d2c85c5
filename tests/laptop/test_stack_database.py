"""PostgreSQL where the machine has one that can run, else SQLite with the reason."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.laptop import paths
from include.laptop.stack import database
from include.laptop.stack.database import NoPostgresError, find_binaries, start_database
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.processes import end, find_postgres

PASSWORD = "not-a-secret"


@pytest.fixture
def folder() -> Iterator[StackFolder]:
    """A folder that an unprivileged user reaches: pytest's own are closed to others."""
    root = Path(tempfile.mkdtemp(prefix="stack-"))
    root.chmod(0o755)
    made = StackFolder(root / "up")
    for one in (made.logs, made.airflow_home):
        one.mkdir(parents=True)
    yield made
    shutil.rmtree(root)


def fake_postgres(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setattr(database, "_candidates", lambda: iter(folders))


def test_the_newest_postgres_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = (fake_postgres(tmp_path / version, version) for version in ("14.9", "17.2"))
    only(monkeypatch, older, newer)
    assert find_binaries() == (17, newer.resolve())


def test_a_postgres_that_airflow_does_not_support_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, fake_postgres(tmp_path / "old", "12.4"), tmp_path / "nothing")
    with pytest.raises(NoPostgresError, match="no PostgreSQL 13 or newer"):
        find_binaries()


def test_without_postgres_the_stack_takes_sqlite_and_says_why(
    folder: StackFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template.db"
    template.write_bytes(b"an empty database")
    monkeypatch.setattr(paths, "AIRFLOW_TEMPLATE_DB", template)
    only(monkeypatch)
    taken = start_database(folder, PASSWORD)
    assert taken.url == f"sqlite:///{folder.airflow_home / 'airflow.db'}"
    assert "no PostgreSQL 13" in taken.words
    assert (folder.airflow_home / "airflow.db").read_bytes() == b"an empty database"


def test_a_real_server_listens_on_127_0_0_1_and_asks_for_its_password(folder: StackFolder) -> None:
    psycopg2 = pytest.importorskip("psycopg2")
    try:
        find_binaries()
    except NoPostgresError as reason:
        pytest.skip(str(reason))
    taken = start_database(folder, PASSWORD)
    assert taken.server is not None, taken.words
    try:
        url = taken.url.replace("+psycopg2", "")
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_setting('listen_addresses')")
            assert cursor.fetchone() == ("airflow", "127.0.0.1")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(url.replace(PASSWORD, "wrong"))
        server = find_postgres(folder.postgres / "data")
        assert server is not None
        assert server.pid == taken.server.pid
        end([server])
        assert taken.server.wait(5) is not None
    finally:
        taken.server.kill()
        taken.server.wait()
