"""make deploy ENV=…: shown first, DAGs at rest, plugins before DAGs, gone on with after a break; destroy keeps data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest

from include.deploy import __main__ as command
from include.deploy.bundle import build_bundle
from include.deploy.dag_files import DagImportError
from include.deploy.destroy import Deletion, MoreThanOneError, NotConfirmedError, UndeletedObjectsError, destroy
from include.deploy.environments import (
    _BOUNDS,
    _LOG_DAYS,
    SIZES,
    UnknownEnvironmentError,
    WrongAccountError,
    read_environment,
)
from include.deploy.mwaa import MwaaError
from include.deploy.pausing import PAUSED_KEY, FrozenRunError
from include.deploy.release import Release
from include.dynamo_lake.declaration import pipeline_names
from include.dynamo_lake.errors import DeclarationError
from include.local_aws.process import start_local_aws
from tests.infra.checkouts import copy_checkout
from tests.infra.mwaa_double import MwaaDouble
from tests.infra.releasing import (
    BOOTSTRAP,
    HOURLY,
    LOCAL,
    MWAA_BUCKET,
    NAME,
    NAMES,
    PAUSED,
    WITH_MWAA,
    keys,
    release,
)
from tests.infra.template import ROOT, read_template


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


def test_environments_are_checked_with_every_mistake_at_once(tmp_path: Path) -> None:
    (tmp_path / "include" / "infra").mkdir(parents=True)
    file = tmp_path / "include" / "infra" / "environments.toml"
    file.write_text('[odd]\nregion = 5\nmwa = "x"\npipelines = ["unheard_of"]\n')
    with pytest.raises(UnknownEnvironmentError) as raised:
        read_environment(tmp_path, "odd")
    for part in ("account is missing", "region is 5, write a str", "mwa is unknown", "no declaration unheard_of"):
        assert part in str(raised.value)
    with pytest.raises(UnknownEnvironmentError, match="there is: odd"):
        read_environment(tmp_path, "even")


def test_sizes_are_what_the_template_takes(tmp_path: Path) -> None:
    (tmp_path / "include" / "infra").mkdir(parents=True)
    file = tmp_path / "include" / "infra" / "environments.toml"
    table = '[sized]\nregion = "eu-central-1"\naccount = "000000000000"\n'
    file.write_text(f"{table}merge_workers = 10\nlog_retention_days = 30\n")
    sizes = read_environment(tmp_path, "sized").sizes
    assert sizes == {"MergeWorkers": "10", "LogRetentionDays": "30"}
    file.write_text(f"{table}merge_workers = 1\nmerge_timeout_minutes = true\nlog_retention_days = 8\n")
    with pytest.raises(UnknownEnvironmentError) as raised:
        read_environment(tmp_path, "sized")
    for part in ("merge_workers is 1, write 2 to 100", "write a int", "log_retention_days is 8, write one of 7, 14"):
        assert part in str(raised.value)
    declared = read_template()["Parameters"]
    for name, (least, most) in _BOUNDS.items():
        body = declared[SIZES[name]]
        assert (body["MinValue"], body.get("MaxValue", most)) == (least, most)
    assert tuple(declared["LogRetentionDays"]["AllowedValues"]) == _LOG_DAYS


def test_a_deployed_stack_has_the_environments_sizes(session: boto3.Session, checkout: Path) -> None:
    release(session, checkout, replace(LOCAL, merge_workers=4))
    job = session.client("glue").get_job(JobName=f"{NAMES.dashed}-merge")["Job"]
    assert job["NumberOfWorkers"] == 4


def test_a_bucket_of_ones_own_is_for_one_named_pipeline(tmp_path: Path) -> None:
    (tmp_path / "include" / "infra").mkdir(parents=True)
    table = '[mine]\nregion = "eu-central-1"\naccount = "000000000000"\nbucket = "mine"\nkey_arn = "arn"\n'
    file = tmp_path / "include" / "infra" / "environments.toml"
    file.write_text(f"{table}pipelines = []\n")
    with pytest.raises(UnknownEnvironmentError, match="bucket holds one pipeline"):
        read_environment(tmp_path, "mine")
    file.write_text(f'{table}pipelines = ["{NAME}"]\n')
    assert read_environment(tmp_path, "mine").bucket == "mine"


def test_every_declared_environment_can_be_read() -> None:
    assert read_environment(ROOT, "local") == replace(LOCAL, pipelines=pipeline_names())
    assert read_environment(ROOT, "example").mwaa == "analytics"


def test_a_pipeline_that_is_not_the_environments_is_not_deployed_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = replace(LOCAL, bucket="mine", key_arn="arn", pipelines=("orders",))
    monkeypatch.setattr(command, "read_environment", lambda *_: declared)
    assert command.main(["deploy", "--env", "local", "--pipeline", NAME]) == 2
    assert f"[local] has no pipeline '{NAME}'; it has: orders" in capsys.readouterr().err


def test_an_unknown_environment_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["deploy", "--env", "nowhere"]) == 2
    assert "no environment 'nowhere'" in capsys.readouterr().err


def test_destroying_keeps_bucket_key_lake_and_source_tables(session: boto3.Session, checkout: Path) -> None:
    environment = replace(LOCAL, pipelines=pipeline_names()[:1])
    release(session, checkout, environment)
    outputs = _outputs(session)
    session.client("s3").put_object(Bucket=outputs["Bucket"], Key="state/coverage.json", Body=b"{}")
    lines: list[str] = []
    destroy(session, environment, None, lines.append)
    assert any(line.startswith("kept: ") for line in lines)
    session.client("s3").head_object(Bucket=outputs["Bucket"], Key="state/coverage.json")
    session.client("glue").get_database(Name=outputs["LakeDatabase"])
    session.client("kms").describe_key(KeyId=outputs["KeyArn"])
    session.client("dynamodb").describe_table(TableName=outputs["MainTableArn"].rpartition("/")[2])
    assert outputs["MergeJob"] not in {job["Name"] for job in session.client("glue").get_jobs()["Jobs"]}
    destroy(session, environment, None, lines.append)
    assert lines[-1] == "environment local has no stack"


def test_dags_rest_before_their_stack_goes(session: boto3.Session, checkout: Path, double: MwaaDouble) -> None:
    release(session, checkout)
    double.running[HOURLY] = ["scheduled__1"]
    lines: list[str] = []
    destroy(session, WITH_MWAA, None, lines.append, mwaa=session.client("mwaa"), sleep=lambda _: None)
    assert double.paused[HOURLY]
    assert f"waiting for {HOURLY} (scheduled__1)" in lines
    gone = next(i for i, line in enumerate(lines) if "DELETE_COMPLETE" in line)
    assert next(i for i, line in enumerate(lines) if line.startswith("paused: ")) < gone


def _outputs(session: boto3.Session) -> dict[str, str]:
    stack = session.client("cloudformation").describe_stacks(StackName=NAMES.stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _keeping(real: Callable[..., Any]) -> Callable[..., Any]:
    """S3 as it answers where an object may not be deleted."""

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "DeleteObjects":
            return {"Errors": [{"Key": "state/coverage.json", "Code": "AccessDenied"}]}
        return real(client, operation, parameters)

    return make_api_call


def test_data_is_deleted_only_when_its_bucket_is_named(
    tmp_path_factory: pytest.TempPathFactory, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start_local_aws(tmp_path_factory.mktemp("another"))
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    try:
        release(session, checkout, LOCAL)
        outputs = _outputs(session)
        with pytest.raises(NotConfirmedError, match=f"CONFIRM={outputs['Bucket']}"):
            destroy(session, LOCAL, Deletion("something"), print)
        session.client("s3").put_object(Bucket=outputs["Bucket"], Key="state/coverage.json", Body=b"{}")
        with monkeypatch.context() as held:
            held.setattr(
                "botocore.client.BaseClient._make_api_call", _keeping(botocore.client.BaseClient._make_api_call)
            )
            with pytest.raises(UndeletedObjectsError, match=r"state/coverage\.json: AccessDenied"):
                destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
        # The stack is gone already; the bucket shows the rest.
        destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
        assert session.client("s3").list_buckets()["Buckets"] == []
        assert session.client("glue").get_databases()["DatabaseList"] == []
        assert (
            session.client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
        )
        assert session.client("dynamodb").list_tables()["TableNames"] != []
        with pytest.raises(MoreThanOneError, match="no stack"):
            destroy(session, LOCAL, Deletion(outputs["Bucket"]), print)
    finally:
        running.stop()
