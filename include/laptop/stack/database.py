"""The database of Airflow: PostgreSQL where the machine has one that can be run here, else SQLite."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.laptop import paths
from include.laptop.stack.errors import StackError
from include.laptop.stack.folder import StackFolder
from include.laptop.stack.settings import free_port

OLDEST_POSTGRES = 13
START_CEILING_S = 30.0
BINARY_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
UNPRIVILEGED = ("postgres", "nobody")
# The database lives as long as the stack: nothing is lost that a crash of the machine would not end anyway.
SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "60",
}


@dataclass(frozen=True)
class Database:
    """``url`` for SQLAlchemy; ``words`` for people; ``server`` is the running PostgreSQL, None with SQLite."""

    url: str
    words: str
    server: subprocess.Popen[bytes] | None = None


class NoPostgresError(Exception):
    """PostgreSQL cannot be run here; the message says why, and what would help."""


def start_database(folder: StackFolder, password: str) -> Database:
    """Start PostgreSQL in the stack's folder with an empty database, or prepare SQLite and say why."""
    try:
        return _start_postgres(folder, password)
    except NoPostgresError as reason:
        target = folder.airflow_home / "airflow.db"
        shutil.copyfile(paths.AIRFLOW_TEMPLATE_DB, target)
        return Database(f"sqlite:///{target}", f"SQLite ({reason})")


def find_binaries() -> tuple[int, Path]:
    """The newest PostgreSQL with its major version; raise ``NoPostgresError`` where there is none of use."""
    found = {folder.resolve(): version for folder in _candidates() if (version := _version(folder)) is not None}
    usable = {folder: version for folder, version in found.items() if version >= OLDEST_POSTGRES}
    if not usable:
        raise NoPostgresError(f"there is no PostgreSQL {OLDEST_POSTGRES} or newer: Debian has it as postgresql")
    newest = max(usable, key=lambda folder: usable[folder])
    return usable[newest], newest


def _candidates() -> Iterator[Path]:
    if command := shutil.which("initdb"):
        yield Path(command).resolve().parent
    for pattern in BINARY_FOLDERS:
        yield from Path("/").glob(pattern.removeprefix("/"))


def _version(binaries: Path) -> int | None:
    if not all((binaries / name).exists() for name in ("initdb", "postgres")):
        return None
    shown = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\) (\d+)", shown.stdout)
    return int(number[1]) if number else None


def _start_postgres(folder: StackFolder, password: str) -> Database:
    version, binaries = find_binaries()
    folder.postgres.mkdir()
    user = _server_user(folder.postgres)
    data_folder, port = folder.postgres / "data", free_port()
    _make_cluster(binaries, data_folder, password, user)
    settings = {**SERVER_SETTINGS, "port": str(port)}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data_folder), *arguments]
    with (folder.logs / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **_as_user(user, folder.postgres)
        )
    _make_database(server, port, password, folder.logs / "postgres.log")
    url = f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{port}/airflow"
    return Database(url, f"PostgreSQL {version} on 127.0.0.1:{port}", server)


def _server_user(folder: Path) -> str | None:
    """Who runs the server: None for the present user; root must name another one, who has to reach the folder."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        reaches = subprocess.run(["/usr/bin/env", "test", "-w", str(folder)], check=False, **_as_user(name, Path("/")))
        if reaches.returncode == 0:
            return name
    raise NoPostgresError(
        f"PostgreSQL does not run as root, and no other user reaches {folder}: "
        "start as a user who is not root, or from a folder that all may enter"
    )


def _as_user(user: str | None, folder: Path) -> dict[str, Any]:
    """Popen's arguments to run as ``user`` in ``folder``."""
    if user is None:
        return {"cwd": folder}
    entry = pwd.getpwnam(user)
    return {"cwd": folder, "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _make_cluster(binaries: Path, data_folder: Path, password: str, user: str | None) -> None:
    secret = data_folder.with_name("password")
    secret.write_text(password)
    secret.chmod(0o600)
    if user is not None:
        shutil.chown(secret, user)
    command = [str(binaries / "initdb"), "-D", str(data_folder), "-U", "airflow", "--auth=scram-sha-256"]
    command += ["--pwfile", str(secret), "--no-sync", "--encoding=UTF8", "--locale=C"]
    made = subprocess.run(command, capture_output=True, text=True, check=False, **_as_user(user, data_folder.parent))
    secret.unlink()
    if made.returncode != 0:
        raise NoPostgresError(f"initdb failed: {made.stderr.strip()[-300:]}")


def _make_database(server: subprocess.Popen[bytes], port: int, password: str, log: Path) -> None:
    """Wait for the server, then create the empty database."""
    import psycopg2

    deadline = time.monotonic() + START_CEILING_S
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise StackError(f"PostgreSQL did not start; the end of {log}:\n{log.read_text()[-1500:]}")
        try:
            connection = psycopg2.connect(
                host="127.0.0.1", port=port, user="airflow", password=password, dbname="postgres"
            )
        except psycopg2.OperationalError:
            time.sleep(0.1)
            continue
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE airflow")
        connection.close()
        return
