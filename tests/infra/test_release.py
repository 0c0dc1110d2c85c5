"""make deploy ENV=…: shown first, DAGs at rest, plugins before DAGs, gone on with after a break."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest

from include.deploy.bundle import build_bundle
from include.deploy.dag_files import DagImportError
from include.deploy.environments import WrongAccountError
from include.deploy.mwaa import MwaaError
from include.deploy.pausing import PAUSED_KEY, FrozenRunError
from include.deploy.release import Release
from include.dynamo_lake.errors import DeclarationError
from tests.infra.checkouts import copy_checkout
from tests.infra.mwaa_double import MwaaDouble
from tests.infra.releasing import BOOTSTRAP, HOURLY, LOCAL, MWAA_BUCKET, NAME, NAMES, PAUSED, WITH_MWAA, keys, release


def test_a_dry_run_changes_nothing(session: boto3.Session, checkout: Path, double: MwaaDouble) -> None:
    lines = release(session, checkout, dry_run=True)
    assert any(line.startswith(f"stack {NAMES.stack}: ") for line in lines)
    assert "  CreateTables = true" in lines, "what a first deployment would decide"
    assert lines[-1] == "dry run: nothing was changed"
    assert set(double.calls) == {"GetEnvironment"}
    assert keys(session, "") == set()


def test_a_wrong_declaration_beside_those_that_are_deployed_is_refused_before_a_dag_rests(
    session: boto3.Session, checkout: Path, double: MwaaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.deploy.release.pipeline_names", lambda: (NAME, "orders"))
    with pytest.raises(DeclarationError, match="orders"):
        release(session, checkout)
    assert double.calls == []


def test_plugins_come_before_dags_and_nothing_runs_meanwhile(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.running[HOURLY] = ["scheduled__1", "scheduled__1"]
    lines = release(session, checkout)
    pause, update, unpause = (
        double.calls.index(f"PATCH /dags/{HOURLY}"),
        double.calls.index("UpdateEnvironment"),
        len(double.calls) - 1 - double.calls[::-1].index(f"PATCH /dags/{HOURLY}"),
    )
    assert pause < update < unpause
    assert f"waiting for {HOURLY} (scheduled__1)" in lines
    assert double.paused == PAUSED, "what was paused before stays paused"
    told = [
        next(i for i, line in enumerate(lines) if part in line)
        for part in ("plugins-", "UPDATING", "dags/dynamo_lake/")
    ]
    assert told == sorted(told)
    assert PAUSED_KEY not in keys(session, "")


def test_the_environment_gets_plugins_settings_and_a_connection_of_the_pipelines_role(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.fields["AirflowConfigurationOptions"] = {"core.default_timezone": "utc"}
    release(session, checkout)
    options = double.fields["AirflowConfigurationOptions"]
    assert options["core.default_timezone"] == "utc"
    assert options[f"lake_{NAME}.aws_conn_id"] == f"lake_{NAME}"
    assert double.connections[f"lake_{NAME}"]["role_arn"].endswith(f":role/{NAMES.dashed}-airflow-eu-central-1")
    plugins = session.client("s3").head_object(
        Bucket=MWAA_BUCKET,
        Key=double.fields["PluginsS3Path"],
        VersionId=double.fields["PluginsS3ObjectVersion"],
    )
    assert plugins["ContentLength"] > 0
    dags = {key.rpartition("/")[2] for key in keys(session, "dags/dynamo_lake/")}
    assert {"hourly.py", "bootstrap.py", "bundle.json"} <= dags


def test_the_same_again_updates_no_environment_and_removes_stale_dags(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    release(session, checkout)
    double.calls.clear()
    session.client("s3").put_object(Bucket=MWAA_BUCKET, Key="dags/dynamo_lake/gone.py", Body=b"")
    session.client("s3").put_object(Bucket=MWAA_BUCKET, Key="dags/somebody_elses.py", Body=b"")
    lines = release(session, checkout)
    assert "UpdateEnvironment" not in double.calls
    assert not [line for line in lines if line.startswith("uploaded s3")]
    assert "dags/dynamo_lake/gone.py" not in keys(session, "dags/")
    assert "dags/somebody_elses.py" in keys(session, "dags/")


def test_a_dry_run_tells_of_the_update_that_new_merge_code_alone_takes(
    session: boto3.Session, checkout: Path, double: MwaaDouble, tmp_path: Path
) -> None:
    release(session, checkout)
    assert f"MWAA environment {double.name}: plugins as deployed" in release(session, checkout, dry_run=True)
    lines = release(session, copy_checkout(tmp_path / "checkout", "print('another')\n"), dry_run=True)
    assert f"MWAA environment {double.name}: plugins to be replaced" in lines, "their stamp names the merge code"
    assert f"MWAA environment {double.name}: requirements as deployed" in lines


def test_what_others_set_while_runs_are_waited_for_is_kept(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.running[HOURLY] = ["scheduled__1"]

    def meanwhile(_: float) -> None:
        if not double.paused[HOURLY]:
            double.fields["AirflowConfigurationOptions"] = {"core.default_timezone": "utc"}

    Release(checkout, WITH_MWAA, session, session, lambda _: None, meanwhile).run(dry_run=False)
    assert double.fields["AirflowConfigurationOptions"]["core.default_timezone"] == "utc"


def test_a_broken_deployment_is_gone_on_with_and_unpauses_what_it_had_paused(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.broken = {"dynamo_lake/hourly.py": "Traceback\nImportError: no module"}
    with pytest.raises(DagImportError, match=r"hourly\.py: ImportError: no module"):
        release(session, checkout)
    assert double.paused[HOURLY], "half a version does not run"
    double.broken = {}
    double.age_errors()
    lines = release(session, checkout)
    assert double.paused == PAUSED, "the error of the files before is not that of the mended ones"
    assert f"unpaused {HOURLY}" in lines


def test_an_upload_of_dag_files_that_broke_off_does_not_pass_for_the_new_version(
    session: boto3.Session, checkout: Path, double: MwaaDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release(session, checkout)
    real = botocore.client.BaseClient._make_api_call

    def break_off(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "PutObject" and parameters["Key"].endswith("/on_change.py"):
            raise ConnectionError
        return real(client, operation, parameters)

    changed = copy_checkout(tmp_path / "checkout", "print('another')\n")
    with monkeypatch.context() as broken:
        broken.setattr("botocore.client.BaseClient._make_api_call", break_off)
        with pytest.raises(ConnectionError):
            release(session, changed)
    stamp = session.client("s3").get_object(Bucket=MWAA_BUCKET, Key="dags/dynamo_lake/bundle.json")["Body"].read()
    assert json.loads(stamp)["code"] == build_bundle(checkout).version, "the DAG folder's stamp is the one before"
    assert double.paused[HOURLY]


def test_the_old_file_that_airflow_reads_once_more_is_not_the_new_one(
    session: boto3.Session, checkout: Path, double: MwaaDouble, tmp_path: Path
) -> None:
    release(session, checkout)
    changed = copy_checkout(tmp_path / "checkout", "print('merge')\n")
    (changed / "dags" / "hourly.py").write_text("# another\n")
    double.calls.clear()
    release(session, changed)
    assert double.calls.count("GET /importErrors") == 2, "at the first look Airflow has parsed again, but the old file"


def test_pipelines_that_share_the_environment_rest_and_wait_for_their_own_deployment(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.fields["AirflowConfigurationOptions"] = {"lake_other.code_version": "0" * 64}
    double.paused |= {"other_hourly": False, "other_bootstrap": True}
    lines = release(session, checkout)
    first = [call for call in double.calls if call in {"PATCH /dags/other_hourly", "UpdateEnvironment"}]
    assert first[0] == "PATCH /dags/other_hourly", "its plugins change too"
    assert double.paused == {**PAUSED, "other_hourly": True, "other_bootstrap": True}
    assert lines[-1] == "paused until other is deployed too, which shares the environment: other_hourly"
    remembered = session.client("s3").get_object(Bucket=MWAA_BUCKET, Key=PAUSED_KEY)["Body"].read()
    assert json.loads(remembered) == ["other_hourly"]

    options = double.fields["AirflowConfigurationOptions"]
    options["lake_other.code_version"] = options[f"lake_{NAME}.code_version"]
    release(session, checkout)
    assert double.paused == {**PAUSED, "other_hourly": False, "other_bootstrap": True}
    assert PAUSED_KEY not in keys(session, "")


def test_a_failed_update_says_mwaas_reason_and_leaves_the_dags_paused(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.fail_update = "requirements do not install"
    with pytest.raises(MwaaError, match="requirements do not install"):
        release(session, checkout)
    assert double.paused[HOURLY]


def test_after_a_failed_update_the_environment_gets_everything_again(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    release(session, checkout)
    double.calls.clear()
    double.states = ["UPDATE_FAILED", "UPDATE_FAILED"]
    release(session, checkout)
    assert "UpdateEnvironment" in double.calls


def test_a_paused_dag_with_a_run_under_way_stops_the_deployment(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.running[BOOTSTRAP] = ["manual__1"]
    with pytest.raises(FrozenRunError, match=f"{BOOTSTRAP}: manual__1"):
        release(session, checkout)
    assert "UpdateEnvironment" not in double.calls


def test_another_airflow_version_is_refused_before_anything_changes(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.version = "2.10.3"
    with pytest.raises(MwaaError, match=r"runs Airflow 2\.10\.3, this code is for 3\.3\.1"):
        release(session, checkout)
    assert double.calls == ["GetEnvironment"]


def test_plugins_of_others_are_replaced_only_when_told(
    session: boto3.Session, checkout: Path, double: MwaaDouble
) -> None:
    double.fields["PluginsS3Path"] = "plugins.zip"
    with pytest.raises(MwaaError, match="replace_plugins = true"):
        release(session, checkout)
    release(session, checkout, replace(WITH_MWAA, replace_plugins=True))
    assert double.fields["PluginsS3Path"].startswith("dynamo_lake/plugins-")


def test_credentials_of_another_account_are_refused(session: boto3.Session, checkout: Path) -> None:
    with pytest.raises(WrongAccountError, match="of account 000000000000, the environment is in 999999999999"):
        release(session, checkout, replace(LOCAL, account="999999999999"))


def test_a_deployed_stack_has_the_environments_sizes(session: boto3.Session, checkout: Path) -> None:
    release(session, checkout, replace(LOCAL, merge_workers=4))
    job = session.client("glue").get_job(JobName=f"{NAMES.dashed}-merge")["Job"]
    assert job["NumberOfWorkers"] == 4
