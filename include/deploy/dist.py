"""``make bundle``: write all that is deployed into ``dist/``, each file named by its content.

``python -m include.deploy.dist [--into FOLDER]``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

from include.deploy.airflow_bundle import PLUGINS, REQUIREMENTS, build_airflow_bundle
from include.deploy.bundle import BundleError, build_bundle

ROOT = Path(__file__).resolve().parents[2]
INDEX = "bundle.json"


def write_dist(root: Path, folder: Path) -> dict[str, str]:
    """Write the bundles of the checkout at ``root`` into ``folder`` (made anew); return the file by plain name.

    The index ``bundle.json`` holds the same, with both versions.

    Raises:
        BundleError: the checkout is not complete, or the folder holds something else.
    """
    code = build_bundle(root)
    airflow = build_airflow_bundle(root, code.version)
    if folder.exists() and any(folder.iterdir()) and not (folder / INDEX).is_file():
        raise BundleError(f"{folder} holds something else than bundles and would be made anew: name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dags").mkdir(parents=True)
    files = {**code.files, PLUGINS: airflow.plugins, REQUIREMENTS: airflow.requirements}
    named = {name: _hashed_name(name, content) for name, content in files.items()}
    # The index first: by it a folder that broke off is known as one of bundles.
    index = {"code": code.version, "plugins": airflow.plugins_version, "files": named}
    (folder / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    for name, content in files.items():
        (folder / named[name]).write_bytes(content)
    for name, content in airflow.dags.items():
        (folder / "dags" / name).write_bytes(content)
    return named


def _hashed_name(name: str, content: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"


def main(arguments: list[str] | None = None) -> int:
    """Write the bundles; 1 with one line on standard error where the checkout is not complete."""
    parser = argparse.ArgumentParser(prog="make bundle", description="Write all that is deployed into a folder.")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="folder, made anew (default: dist)")
    folder = parser.parse_args(arguments).into
    try:
        named = write_dist(ROOT, folder)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    for name in sorted(named.values()):
        print(f"{folder / name} ({(folder / name).stat().st_size} bytes)")
    print(f"{folder / 'dags'}/ ({len(list((folder / 'dags').iterdir()))} files)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
