"""One version at a time: a run whose parts come from two deployments refuses to begin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from include.dynamo_lake.errors import TransientError
from lake_airflow.pipelines import Lake

STAMP = "bundle.json"


class MixedVersionsError(TransientError):
    """DAGs, plugins, settings and merge job are not of one deployment; a deployment under way mends it by itself."""


def require_one_version(lake: Lake, dag_folder: Path) -> None:
    """Compare the stamps of plugins and DAG folder, the setting ``code_version`` and the code that the merge job runs.

    A checkout has no stamp and is one version by itself.

    Raises:
        MixedVersionsError: naming every part with its version.
    """
    plugins, dags = read_stamp(files("lake_airflow")), read_stamp(dag_folder)
    if not plugins and not dags:
        return
    job = lake.clients.glue.get_job(JobName=lake.settings.merge_job)["Job"]
    versions = {
        "plugins.zip": plugins.get("code", "none"),
        "DAG folder": dags.get("code", "none"),
        "setting code_version": lake.settings.code_version,
        "merge job": job["Command"].get("ScriptLocation", "").rpartition("/")[0].rpartition("/")[2],
    }
    if len(set(versions.values())) > 1 or plugins != dags:
        parts = ", ".join(f"{part} {version[:12]}" for part, version in versions.items())
        raise MixedVersionsError(
            f"Half a deployment: {parts}; plugins {plugins.get('plugins', 'none')[:12]}, DAGs made for plugins "
            f"{dags.get('plugins', 'none')[:12]}. Wait for the deployment that is under way, or run `make deploy` again"
        )


def read_stamp(folder: Traversable) -> Mapping[str, str]:
    """The versions that a bundle's part was built with; empty in a checkout."""
    stamp = folder.joinpath(STAMP)
    if not stamp.is_file():
        return {}
    content: dict[str, str] = json.loads(stamp.read_text(encoding="utf-8"))
    return content
