"""The checkout's Python environments: one for Airflow and Spark under MWAA's versions, one for local AWS."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from include.laptop import paths
from include.laptop.setup.commands import run
from include.laptop.setup.errors import SetupError

Say = Callable[[str], None]
UV_VERSION = "0.13.9"
GROUPS = ("airflow", "spark", "test", "lint")


def install_uv(say: Say) -> Path:
    """Put the pinned uv into ``.local/tools`` and return its path."""
    uv = paths.TOOLS_ENV / "bin" / "uv"
    if not uv.exists():
        say(f"uv {UV_VERSION}")
        if find_spec("ensurepip") is None:
            raise SetupError(f"{sys.executable} has no venv module: install it (Debian: apt-get install python3-venv)")
        run([sys.executable, "-m", "venv", "--clear", paths.TOOLS_ENV], "making .local/tools")
        run([paths.TOOLS_ENV / "bin" / "pip", "install", "-q", f"uv=={UV_VERSION}"], "installing uv")
    return uv


def install_airflow(uv: Path, say: Say) -> None:
    """Airflow, its providers, Spark and the tools, under the constraints of MWAA's image."""
    say("Airflow 3.3.1 and Spark 4.1.1 (about 850 MB, a minute)")
    _make(uv, paths.AIRFLOW_ENV)
    groups = [part for group in GROUPS for part in ("--group", f"{paths.ROOT / 'pyproject.toml'}:{group}")]
    requirements = ["-r", paths.ROOT / "requirements.txt", *groups, "-c", _constraints()]
    run(
        [uv, "pip", "install", "-q", "--python", paths.python_of(paths.AIRFLOW_ENV), *requirements],
        "installing Airflow and Spark",
    )


def install_local_aws(uv: Path, say: Say) -> None:
    """Local AWS's own environment, every package pinned with its hash."""
    say("local AWS")
    _make(uv, paths.AWS_ENV)
    pinned = paths.ROOT / "include" / "local_aws" / "requirements.txt"
    command = [uv, "pip", "install", "-q", "--require-hashes", "--python", paths.python_of(paths.AWS_ENV), "-r", pinned]
    run(command, "installing local AWS")


def install_extra(uv: Path, environment: Path, requirements: Path, say: Say) -> None:
    """The tools of one command, whose pins conflict with Airflow's."""
    say(f"the environment {environment.name}")
    _make(uv, environment)
    command = [uv, "pip", "install", "-q", "--python", paths.python_of(environment), "-r", requirements]
    run(command, f"installing {requirements.name}")


def _make(uv: Path, environment: Path) -> None:
    if not _is_of_this_python(environment):
        shutil.rmtree(environment, ignore_errors=True)
        run([uv, "venv", "-q", "--no-project", "--python", sys.executable, environment], f"making {environment.name}")


def _is_of_this_python(environment: Path) -> bool:
    """Another Python's environment cannot take the pins of this one."""
    settings = environment / "pyvenv.cfg"
    if not paths.python_of(environment).exists() or not settings.exists():
        return False
    major, minor = sys.version_info[:2]
    return re.search(rf"^version\w* *= *{major}\.{minor}\.", settings.read_text(), re.MULTILINE) is not None


def _constraints() -> Path:
    """MWAA's constraints; its numpy needs Python 3.12, so the line is left out on 3.11."""
    lines = (paths.ROOT / "include/laptop/setup/mwaa-3.3.1-constraints.txt").read_text().splitlines()
    if sys.version_info < (3, 12):
        lines = [line for line in lines if not line.startswith("numpy==")]
    effective = paths.LOCAL / "constraints.txt"
    effective.write_text("\n".join(lines) + "\n")
    return effective
