"""A copy of this checkout with more declarations in it: one pipeline more is one file more, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from include.laptop import paths

FOLDERS = ("dags", "plugins", "glue_scripts", "include", "tests", "docs")
FILES = ("pyproject.toml", "requirements.txt")


def copy_checkout(target: Path, declarations: Iterable[Path]) -> Path:
    """Copy the code to ``target`` (made anew), share the environments, and add the declarations; return ``target``."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in FOLDERS:
        shutil.copytree(paths.ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(paths.ROOT / name, target / name)
    (target / ".local").symlink_to(paths.LOCAL)
    for declaration in declarations:
        shutil.copyfile(declaration, target / "include" / "pipelines" / declaration.name)
    return target
