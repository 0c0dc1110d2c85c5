"""A checkout that deploys: what bundles are made of, and the template."""

from __future__ import annotations

import shutil
from pathlib import Path

from include.deploy.bundle import SCRIPT
from tests.infra.template import ROOT

PARTS = (
    "dags",
    "glue_scripts",
    "include/dynamo_lake",
    "include/infra",
    "include/pipelines",
    "include/stream_capture",
    "plugins",
)


def copy_checkout(folder: Path, script: str | None = None) -> Path:
    """Copy what is deployed; with ``script`` the merge job runs that instead."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "include" / "__init__.py", folder / "include")
    shutil.copy(ROOT / "requirements.txt", folder)
    if script is not None:
        (folder / "glue_scripts" / SCRIPT).write_text(script)
    return folder
