"""Build what Airflow runs: the plugins folder as one zip, the requirements, and the DAG files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.deploy.bundle import BundleError, build_zip_of, members_of

PLUGINS = "plugins.zip"
REQUIREMENTS = "requirements.txt"
# The file that says which versions belong together; plugins/lake_airflow/versions.py compares both copies of it.
STAMP = "bundle.json"
STAMP_IN_PLUGINS = f"lake_airflow/{STAMP}"
PACKAGES_IN_PLUGINS = ("include/dynamo_lake", "include/pipelines")


@dataclass(frozen=True)
class AirflowBundle:
    """What an Airflow environment gets: ``plugins`` (a zip), ``requirements`` and the DAG files by name.

    ``plugins_version`` is a SHA-256 over the plugins' content, ``code_version`` that of the merge job's bundle.
    """

    code_version: str
    plugins_version: str
    plugins: bytes
    requirements: bytes
    dags: Mapping[str, bytes]

    @property
    def requirements_version(self) -> str:
        """SHA-256 of the requirements."""
        return hashlib.sha256(self.requirements).hexdigest()


def build_airflow_bundle(root: Path, code_version: str) -> AirflowBundle:
    """Read the checkout at ``root`` and build what Airflow runs beside the merge job of ``code_version``.

    Raises:
        BundleError: naming what the checkout lacks.
    """
    members = _plugin_members(root)
    version = _digest(members)
    stamp = json.dumps({"code": code_version, "plugins": version}, indent=1).encode()
    requirements = root / REQUIREMENTS
    if not requirements.is_file():
        raise BundleError(f"{requirements} is missing: run from a complete checkout")
    return AirflowBundle(
        code_version=code_version,
        plugins_version=version,
        plugins=build_zip_of({**members, STAMP_IN_PLUGINS: stamp}),
        requirements=requirements.read_bytes(),
        dags={**_dag_files(root), STAMP: stamp},
    )


def _plugin_members(root: Path) -> dict[str, bytes]:
    """The plugins folder, with the packages that DAGs and operators import beside it: it is what MWAA has on its path."""
    folder = root / "plugins"
    files = {
        name.removeprefix("plugins/"): content for name, content in members_of(root, "plugins/lake_airflow").items()
    }
    scanned = {path.name: path.read_bytes() for path in (*folder.glob("*.py"), folder / ".airflowignore")}
    packages: dict[str, bytes] = {}
    for package in PACKAGES_IN_PLUGINS:
        packages |= members_of(root, package)
    return {**files, **scanned, **packages}


def _dag_files(root: Path) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in sorted((root / "dags").glob("*.py"))}
    if not files:
        raise BundleError(f"{root / 'dags'} has no DAG file: run from a complete checkout")
    return files


def _digest(members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name}\0{hashlib.sha256(members[name]).hexdigest()}\n".encode())
    return digest.hexdigest()
