"""``python -m include.laptop.setup``: bring the checkout's environments up to date; without work it only looks at a stamp."""

from __future__ import annotations

import fcntl
import hashlib
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from include.laptop import paths
from include.laptop.setup import airflow_db, environments, jars, java, spark_classes
from include.laptop.setup.errors import SetupError
from include.local_aws.process import read_environment

SUPPORTED = ((3, 11), (3, 13))
INPUTS = (
    "requirements.txt",
    "pyproject.toml",
    "include/local_aws/requirements.txt",
    "include/laptop/setup/mwaa-3.3.1-constraints.txt",
    "include/laptop/setup/jars.sha256",
)


def main() -> int:
    """Return 0 when everything is in place, 1 with one clear line on standard error where something is missing."""
    try:
        _check_python()
        _forget_killed_local_aws()
        paths.LOCAL.mkdir(exist_ok=True)
        with _lock():
            if not _is_current():
                _set_up()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


def _set_up() -> None:
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[set-up {time.monotonic() - started:5.1f} s] {line}", flush=True)

    paths.SETUP_STAMP.unlink(missing_ok=True)
    uv = environments.install_uv(say)
    with ThreadPoolExecutor(2) as pool:
        local_aws = pool.submit(environments.install_local_aws, uv, say)
        environments.install_airflow(uv, say)
        local_aws.result()
    java_home = java.find_or_install(uv, say)
    with ThreadPoolExecutor(2) as pool:
        database = pool.submit(airflow_db.make_template, say)
        jars.fetch(java_home, say)
        spark_classes.make_archive(say)
        database.result()
    paths.SETUP_STAMP.write_text(json.dumps({"inputs": _digest()}))
    say("done")


def _check_python() -> None:
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        raise SetupError(f"Python {sys.version.split()[0]} is not supported: install Python 3.11, 3.12 or 3.13")


def _forget_killed_local_aws() -> None:
    """Remove the settings that a killed local AWS left: whoever waits for those of the next start would take them for these.

    Here, as a start's first step. The settings of a local AWS that listens stay.
    """
    try:
        address = urlsplit(read_environment(paths.AWS_ENV_FILE)["AWS_ENDPOINT_URL"])
        socket.create_connection((str(address.hostname), address.port or 0), timeout=1).close()
    except ConnectionRefusedError:
        paths.AWS_ENV_FILE.unlink(missing_ok=True)
    except (OSError, KeyError, ValueError):
        return


def _is_current() -> bool:
    try:
        stamp = json.loads(paths.SETUP_STAMP.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return bool(stamp.get("inputs") == _digest()) and all(path.exists() for path in _in_place())


def _in_place() -> Iterator[Path]:
    """What may go after a set-up: by hand, or with the machine's Python or Java, which links lead to."""
    yield from map(paths.python_of, (paths.AIRFLOW_ENV, paths.AWS_ENV))
    yield paths.AIRFLOW_TEMPLATE_DB
    yield paths.JAVA_HOME_LINK / "bin" / "java"
    yield from (jar.path for jar in jars.read_jars())


def _digest() -> str:
    """Changes with every input of the set-up, and with the folder (environments hold absolute paths)."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {paths.ROOT}".encode())
    for name in INPUTS:
        digest.update((paths.ROOT / name).read_bytes())
    return digest.hexdigest()


@contextmanager
def _lock() -> Iterator[None]:
    with paths.SETUP_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    raise SystemExit(main())
