"""The MWAA environment: read, checked, given plugins and settings, followed until it has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.deploy.airflow_bundle import AirflowBundle
from include.deploy.settings import settings_section
from include.deploy.stack import Say
from include.dynamo_lake.errors import TerminalError, TransientError

AIRFLOW_VERSION = "3.3.1"
# Our folder in the environment's bucket: what lies outside it is somebody else's.
FOLDER = "dynamo_lake"
READY = ("AVAILABLE", "UPDATE_FAILED")
# Workers are replaced gracefully: tasks of other people's DAGs may take up to 12 hours to end.
UPDATE_CEILING_S = 13 * 3600.0
POLL_S = 30.0


class MwaaError(TerminalError):
    """The MWAA environment cannot be used, or its update failed."""


class MwaaBusyError(TransientError):
    """The MWAA environment changes longer than the ceiling."""


@dataclass(frozen=True)
class Mwaa:
    """One environment as ``GetEnvironment`` describes it."""

    name: str
    described: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.described["Status"])

    @property
    def execution_role(self) -> str:
        return str(self.described["ExecutionRoleArn"])

    @property
    def bucket(self) -> str:
        return str(self.described["SourceBucketArn"]).rpartition(":")[2]

    @property
    def dag_prefix(self) -> str:
        """Where our DAG files lie in the bucket."""
        return f"{str(self.described['DagS3Path']).strip('/')}/{FOLDER}/"

    @property
    def code_versions(self) -> dict[str, str]:
        """The merge code that each pipeline of the environment was deployed with, by the pipeline's name."""
        options: Mapping[str, str] = self.described.get("AirflowConfigurationOptions") or {}
        return {
            key.removeprefix("lake_").removesuffix(".code_version"): value
            for key, value in options.items()
            if key.startswith("lake_") and key.endswith(".code_version")
        }


def read_mwaa(client: Any, name: str) -> Mwaa:
    """Describe the environment ``name``."""
    return Mwaa(name, client.get_environment(Name=name)["Environment"])


def require_usable(mwaa: Mwaa, *, may_replace: bool) -> None:
    """Check version and ownership.

    Raises:
        MwaaError: another Airflow version, or plugins and requirements that this project did not put there.
    """
    version = mwaa.described.get("AirflowVersion")
    if version != AIRFLOW_VERSION:
        raise MwaaError(
            f"MWAA environment {mwaa.name} runs Airflow {version}, this code is for {AIRFLOW_VERSION}: make an "
            "environment of that version (docs/deploy.md, Upgrades), or deploy the code for the other one"
        )
    present = {key: mwaa.described.get(key) for key in ("PluginsS3Path", "RequirementsS3Path")}
    foreign = [f"{key} {path}" for key, path in present.items() if path and not str(path).startswith(f"{FOLDER}/")]
    if foreign and not may_replace:
        raise MwaaError(
            f"MWAA environment {mwaa.name} has {' and '.join(foreign)}, which this project did not put there and would "
            "replace: use an environment of its own, or say replace_plugins = true"
        )


def file_keys(bundle: AirflowBundle) -> dict[str, str]:
    """Names of plugins and requirements in the bucket, by their content; the plugins hold the merge code's version too."""
    return {
        "Plugins": f"{FOLDER}/plugins-{bundle.plugins_version[:16]}-{bundle.code_version[:16]}.zip",
        "Requirements": f"{FOLDER}/requirements-{bundle.requirements_version[:16]}.txt",
    }


def upload_airflow(s3: Any, bucket: str, bundle: AirflowBundle, say: Say) -> dict[str, str]:
    """Put plugins and requirements where they are missing, and return the environment's fields that name them."""
    contents = {"Plugins": bundle.plugins, "Requirements": bundle.requirements}
    named: dict[str, str] = {}
    for part, key in file_keys(bundle).items():
        named[f"{part}S3Path"] = key
        named[f"{part}S3ObjectVersion"] = _put_once(s3, bucket, key, contents[part], say)
    return named


def _put_once(s3: Any, bucket: str, key: str, content: bytes, say: Say) -> str:
    """The version of an object whose name carries its content: put only where it is missing."""
    listed = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    present = next((one for one in listed if one["Key"] == key and one["IsLatest"]), None)
    if present is not None and present["Size"] == len(content):
        return str(present["VersionId"])
    answer = s3.put_object(Bucket=bucket, Key=key, Body=content)
    if "VersionId" not in answer:
        raise MwaaError(f"bucket {bucket} keeps no versions, which MWAA needs: turn versioning on")
    say(f"uploaded s3://{bucket}/{key} ({len(content)} bytes)")
    return str(answer["VersionId"])


def build_update(
    mwaa: Mwaa, files: Mapping[str, str], options: Mapping[str, str], pipelines: tuple[str, ...]
) -> dict[str, Any]:
    """Return the fields of the environment that differ from what they shall be; other people's options are kept.

    After a failed update they are all given again: what is described need not be what runs.
    """
    present = dict(mwaa.described.get("AirflowConfigurationOptions") or {})
    ours = tuple(f"{settings_section(pipeline)}." for pipeline in pipelines)
    kept = {key: value for key, value in present.items() if not key.startswith(ours)}
    wanted: dict[str, Any] = {**files, "AirflowConfigurationOptions": {**kept, **options}}
    failed = mwaa.status == "UPDATE_FAILED"
    changed = {key: value for key, value in wanted.items() if failed or mwaa.described.get(key) != value}
    # MWAA takes a path and its version together.
    for part in ("Plugins", "Requirements"):
        pair = {key: value for key, value in files.items() if key.startswith(part)}
        changed |= pair if pair.keys() & changed.keys() else {}
    return changed


def update_mwaa(client: Any, mwaa: Mwaa, changed: Mapping[str, Any], say: Say) -> None:
    """Start the update of ``changed`` fields; tasks under way on the old workers may end."""
    say(f"MWAA environment {mwaa.name}: updating {', '.join(sorted(changed))} (20 minutes and more)")
    client.update_environment(Name=mwaa.name, WorkerReplacementStrategy="GRACEFUL", **changed)


def wait_until_ready(client: Any, name: str, say: Say, *, sleep: Callable[[float], None] = time.sleep) -> Mwaa:
    """Wait while the environment changes, with a line for every state and every 5 minutes.

    Raises:
        MwaaError: it ended in a state that serves nothing.
        MwaaBusyError: after 13 hours.
    """
    started, told = time.monotonic(), ("", 0)
    while True:
        mwaa = read_mwaa(client, name)
        minutes = int((time.monotonic() - started) / 60)
        if (mwaa.status, minutes // 5) != told:
            say(f"MWAA environment {name}: {mwaa.status} after {minutes} minutes")
            told = (mwaa.status, minutes // 5)
        if mwaa.status in READY:
            return mwaa
        if mwaa.status in ("CREATE_FAILED", "DELETING", "DELETED", "UNAVAILABLE"):
            raise MwaaError(f"MWAA environment {name} is {mwaa.status}: mend it in the MWAA console, then deploy again")
        if time.monotonic() - started > UPDATE_CEILING_S:
            raise MwaaBusyError(f"MWAA environment {name} is still {mwaa.status}: deploy again to go on waiting")
        sleep(POLL_S)


def require_updated(mwaa: Mwaa, changed: Mapping[str, Any]) -> None:
    """Check that the environment holds what it was given; MWAA rolls a failed update back.

    Raises:
        MwaaError: with MWAA's reason.
    """
    last = mwaa.described.get("LastUpdate") or {}
    missing = sorted(key for key, value in changed.items() if mwaa.described.get(key) != value)
    if missing or mwaa.status != "AVAILABLE":
        reason = (last.get("Error") or {}).get("ErrorMessage", "MWAA gives no reason; its scheduler's log may")
        raise MwaaError(f"MWAA environment {mwaa.name} is {mwaa.status} without the new {', '.join(missing)}: {reason}")
