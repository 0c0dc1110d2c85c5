"""``make deploy ENV=<name>``: bring one declared environment to this checkout, never half of it.

Order: check and show, bring the DAGs to a rest, stacks and merge code, plugins and settings, DAGs, unpause, smoke
check. Every step finds out what is there already, so that a broken deployment is gone on with by running it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.deploy.airflow_api import AirflowApi
from include.deploy.airflow_bundle import AirflowBundle, build_airflow_bundle
from include.deploy.bundle import build_bundle
from include.deploy.dag_files import put_dag_files, require_imported
from include.deploy.deployment import Choices, Deployed, deploy, preview
from include.deploy.environments import Environment, require_account
from include.deploy.mwaa import (
    READY,
    Mwaa,
    build_update,
    file_keys,
    read_mwaa,
    require_updated,
    require_usable,
    update_mwaa,
    upload_airflow,
    wait_until_ready,
)
from include.deploy.pausing import KINDS, dag_ids, pause_at_rest, read_paused, remember_paused, unpaused_dags
from include.deploy.settings import build_mwaa_options, connection_id
from include.deploy.smoke import check_stack
from include.deploy.stack import Say
from include.dynamo_lake.declaration import Pipeline, pipeline_names, read_declaration
from include.dynamo_lake.names import PipelineNames

# The DAG that a mode has not.
_LACKS = {"hourly": "on_change", "on_change": "hourly"}


@dataclass
class Release:
    """One deployment of one environment; ``sleep`` is replaced in tests."""

    root: Path
    environment: Environment
    session: Any
    mwaa_session: Any
    say: Say
    sleep: Callable[[float], None]
    pipelines: tuple[Pipeline, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Airflow gets them all: a wrong one would be told as an import error, once the DAGs are at rest.
        for name in pipeline_names():
            read_declaration(name)
        self.pipelines = tuple(read_declaration(name) for name in self.environment.pipelines)

    def run(self, *, dry_run: bool) -> tuple[Deployed, ...]:
        """Deploy, or only show what would change; return what is deployed (nothing in a dry run).

        Raises:
            LakeError: as the steps do; run it again to go on.
        """
        require_account(self.session, self.environment.account)
        mwaa = self._read_mwaa()
        choices = self._choices(mwaa)
        bundle = build_airflow_bundle(self.root, build_bundle(self.root).version)
        for pipeline in self.pipelines:
            for line in preview(self.session, self.root, pipeline, choices):
                self.say(line)
        if dry_run:
            self._show_airflow(mwaa, bundle)
            return ()
        paused = self._bring_to_rest(mwaa) if mwaa else ()
        deployed = tuple(deploy(self.session, self.root, pipeline, choices, self.say) for pipeline in self.pipelines)
        if mwaa:
            # Runs may have been waited for through hours, and others change the environment too.
            mwaa = self._usable(mwaa.name)
            self._bring_up_airflow(mwaa, bundle, deployed)
        for one in deployed:
            check_stack(self.session, one, self.say)
        if mwaa:
            self._unpause(mwaa, paused, bundle.code_version)
        return deployed

    def _read_mwaa(self) -> Mwaa | None:
        if self.environment.mwaa is None:
            self.say(f"environment {self.environment.name} names no MWAA environment: stacks only")
            return None
        return self._usable(self.environment.mwaa)

    def _usable(self, name: str) -> Mwaa:
        """The environment as it is now, once it takes an update."""
        mwaa = read_mwaa(self._client("mwaa"), name)
        require_usable(mwaa, may_replace=self.environment.replace_plugins)
        return mwaa if mwaa.status in READY else wait_until_ready(
            self._client("mwaa"), mwaa.name, self.say, sleep=self.sleep
        )  # fmt: skip

    def _choices(self, mwaa: Mwaa | None) -> Choices:
        airflow = self.environment.airflow_principal or (mwaa.execution_role if mwaa else None)
        one = self.environment
        return Choices(one.adopt_tables, airflow, one.reader_principal, one.key_arn, one.bucket, one.sizes)

    def _show_airflow(self, mwaa: Mwaa | None, bundle: AirflowBundle) -> None:
        if mwaa:
            for part, key in file_keys(bundle).items():
                present = mwaa.described.get(f"{part}S3Path") == key
                self.say(
                    f"MWAA environment {mwaa.name}: {part.lower()} {'as deployed' if present else 'to be replaced'}"
                )
            self.say(f"{len(bundle.dags)} files to s3://{mwaa.bucket}/{mwaa.dag_prefix}")
        self.say("dry run: nothing was changed")

    def _bring_to_rest(self, mwaa: Mwaa) -> tuple[str, ...]:
        """Pause what is not paused of the environment's pipelines, whose plugins and DAG files change together.

        Returns all that this deployment, or one that it goes on with, has paused.
        """
        api, s3 = self._api(mwaa), self._client("s3")
        unpaused = unpaused_dags(api, dag_ids({*self.environment.pipelines, *mwaa.code_versions}))
        paused = tuple(sorted({*unpaused, *read_paused(s3, mwaa.bucket)}))
        remember_paused(s3, mwaa.bucket, paused)
        pause_at_rest(api, unpaused, self.say, sleep=self.sleep)
        self.say(f"paused: {', '.join(paused) or 'nothing was unpaused'}")
        return paused

    def _bring_up_airflow(self, mwaa: Mwaa, bundle: AirflowBundle, deployed: tuple[Deployed, ...]) -> None:
        """Plugins first, DAGs second: a DAG file that is parsed finds what it imports."""
        client, s3 = self._client("mwaa"), self._client("s3")
        files = upload_airflow(s3, mwaa.bucket, bundle, self.say)
        options = {
            key: value for one in deployed for key, value in build_mwaa_options(one.pipeline, one.outputs).items()
        }
        changed = build_update(mwaa, files, options, self.environment.pipelines)
        if changed:
            update_mwaa(client, mwaa, changed, self.say)
            require_updated(wait_until_ready(client, mwaa.name, self.say, sleep=self.sleep), changed)
        api = self._api(mwaa)
        for one in deployed:
            extra = {"role_arn": one.outputs["AirflowRoleArn"], "region_name": self.environment.region}
            api.put_connection(connection_id(one.pipeline), extra)
        put_at = put_dag_files(s3, mwaa, bundle.dags, self.say)
        expected = {
            PipelineNames(pipeline.name).dag_id(kind): bundle.dags[f"{kind}.py"]
            for pipeline in self.pipelines
            for kind in KINDS
            if kind != _LACKS.get(pipeline.schedule.mode)
        }
        require_imported(api, expected, put_at, self.say, sleep=self.sleep)

    def _unpause(self, mwaa: Mwaa, paused: tuple[str, ...], code_version: str) -> None:
        """Unpause what deployments had paused, but of pipelines whose stack has other code: they wait for their own."""
        api = self._api(mwaa)
        waiting = {
            name: self._waiting(paused, name)
            for name, version in mwaa.code_versions.items()
            if name not in self.environment.pipelines and version != code_version
        }
        kept = {dag_id for waits in waiting.values() for dag_id in waits}
        for dag_id in sorted(set(paused) - kept):
            if api.read_dag(dag_id):
                api.set_paused(dag_id, False)
                self.say(f"unpaused {dag_id}")
        remember_paused(self._client("s3"), mwaa.bucket, kept)
        own = [state for one in dag_ids(self.environment.pipelines) if (state := api.read_dag(one))]
        if resting := [state.dag_id for state in own if state.is_paused]:
            self.say(f"left paused, as they were: {', '.join(resting)}")
        for name, waits in waiting.items():
            if waits:
                self.say(f"paused until {name} is deployed too, which shares the environment: {', '.join(waits)}")

    @staticmethod
    def _waiting(paused: tuple[str, ...], name: str) -> list[str]:
        return sorted(set(paused) & set(dag_ids([name])))

    def _api(self, mwaa: Mwaa) -> AirflowApi:
        return AirflowApi(self._client("mwaa"), mwaa.name)

    def _client(self, service: str) -> Any:
        return self.mwaa_session.client(service)
