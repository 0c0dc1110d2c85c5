"""Deploy a checkout whose declaration was mended, as an environment gets it: stamped, stack first, its DAGs in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from include.deploy.airflow_bundle import STAMP, STAMP_IN_PLUGINS, build_airflow_bundle
from include.deploy.bundle import build_bundle
from include.deploy.deployment import Choices, deploy
from include.dynamo_lake.declaration import read_declaration
from include.laptop.checkout import copy_checkout
from include.laptop.dag_run import run_dag
from include.laptop.local_pipeline import LocalPipeline
from include.laptop.running import session

CEILING_S = 300


@dataclass(frozen=True)
class MendedCheckout:
    """A checkout of its own under ``root``; plugins and DAG files carry the stamp that a deployment gives them."""

    root: Path

    @classmethod
    def build(cls, root: Path, pipeline: str, corrections: Mapping[str, str]) -> MendedCheckout:
        """Copy the present checkout and correct the text of a declaration."""
        copy_checkout(root, [])
        declaration = root / "include" / "pipelines" / f"{pipeline}.toml"
        text = declaration.read_text()
        for wrong, right in corrections.items():
            assert wrong in text
            text = text.replace(wrong, right)
        declaration.write_text(text)
        stamp = build_airflow_bundle(root, build_bundle(root).version).dags[STAMP]
        for place in (root / "dags" / STAMP, root / "plugins" / STAMP_IN_PLUGINS):
            place.write_bytes(stamp)
        return cls(root)

    def under(self, one: LocalPipeline) -> LocalPipeline:
        """The pipeline as this checkout declares it."""
        return replace(one, pipeline=read_declaration(one.pipeline.name, self.root / "include" / "pipelines"))

    def deploy(self, one: LocalPipeline) -> LocalPipeline:
        """Bring the pipeline's stack to this checkout."""
        mended = self.under(one)
        aws = session(one.running.environment)
        return replace(mended, deployed=deploy(aws, self.root, mended.pipeline, Choices(), one.say))

    def run(self, one: LocalPipeline, kind: str, conf: Mapping[str, object]) -> tuple[bool, str]:
        """Run one of the pipeline's DAGs with this checkout's code; return whether it succeeded, and all that it said."""
        environment = {
            **os.environ,
            **one.deployed.settings,
            "PYTHONPATH": f"{self.root}:{self.root / 'plugins'}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.root / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.root / "plugins"),
        }
        command = [sys.executable, "-m", __name__, one.names.dag_id(kind), json.dumps(conf)]
        ended = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=CEILING_S, check=False
        )
        return ended.returncode == 0, ended.stdout + ended.stderr


if __name__ == "__main__":
    sys.exit(0 if run_dag(sys.argv[1], json.loads(sys.argv[2]), print) else 1)
