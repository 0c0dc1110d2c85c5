"""docs/deploy.md is true: its commands run, and its AWS calls have AWS's shape."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from include.deploy.environments import read_environment
from include.deploy.pausing import KINDS, dag_ids
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import QUARANTINE_TABLE, PipelineNames, mirror_table
from include.local_aws.process import RunningLocalAws
from tests.infra.airflow_requests import request_mistakes_of
from tests.infra.aws_cli import commands_of, mistakes_of, run
from tests.infra.deploy_docs import (
    AS_ACCOUNT,
    AS_READER,
    AWS,
    BLOCKS,
    MAKE,
    NOT_LOCAL,
    RUN,
    TEXT,
    TO_AIRFLOW,
    blocks_of,
    in_account,
)
from tests.infra.policies import statements_of
from tests.infra.releasing import BOOTSTRAP, LOCAL, mwaa
from tests.infra.template import ACCOUNT, PARAMETERS, REGION, ROOT, Rendered, read_template

PIPELINE = read_declaration("campaign")
MWAA_LOGS = ("Task", "DAGProcessing", "Scheduler", "Worker", "WebServer")
OPTIMIZERS = ("compaction", "retention", "orphan_file_deletion")
_NAMES = PipelineNames(PIPELINE.name)
ASSUME = "sts:AssumeRole"
ICEBERG_TABLES = [
    *((_NAMES.lake_database, mirror_table(source.id)) for source in PIPELINE.sources),
    (_NAMES.lake_database, QUARANTINE_TABLE),
    (_NAMES.lake_database, PIPELINE.target.table),
    (_NAMES.analytics_database, PIPELINE.target.table),
]


def test_every_block_says_what_is_done_with_it() -> None:
    assert {kind for kind, _ in BLOCKS} == {"bash test", "bash make", "bash aws", "json"}
    assert len(re.findall(r"^ *```", TEXT, re.MULTILINE)) == 2 * len(BLOCKS)


@pytest.mark.parametrize("command", AWS, ids=lambda command: " ".join(command[1:3]))
def test_a_call_that_only_aws_answers_has_its_shape(command: list[str]) -> None:
    assert mistakes_of(command) == []


def test_every_call_is_made_by_a_test_or_listed_as_one_that_local_aws_has_not() -> None:
    not_local = [command for command in AWS if (command[1], command[2]) in NOT_LOCAL]
    assert sorted(AWS) == sorted([*AS_ACCOUNT, *TO_AIRFLOW, *AS_READER, *not_local])
    assert {(service, operation) for _, service, operation, *_ in not_local} == NOT_LOCAL.keys()
    assert [f"`{' '.join(call)}`" for call in NOT_LOCAL if f"`{' '.join(call)}`" not in TEXT] == [], "readers are told"


@pytest.fixture
def there_already(session: boto3.Session) -> Iterator[None]:
    """What the document's calls find in an account: the alarms' topic, MWAA's log groups, the tables with their optimizers."""
    sns, logs, glue = (session.client(service) for service in ("sns", "logs", "glue"))
    topic = sns.create_topic(Name="campaign-alarms")["TopicArn"]
    for part in MWAA_LOGS:
        logs.create_log_group(logGroupName=f"airflow-analytics-{part}")
    for database in {database for database, _ in ICEBERG_TABLES}:
        glue.create_database(DatabaseInput={"Name": database})
    for database, table in ICEBERG_TABLES:
        glue.create_table(DatabaseName=database, TableInput={"Name": table})
        for kind in OPTIMIZERS:
            glue.create_table_optimizer(
                CatalogId=LOCAL.account,
                DatabaseName=database,
                TableName=table,
                Type=kind,
                TableOptimizerConfiguration={"enabled": False},
            )
    yield
    for database, table in ICEBERG_TABLES:
        glue.delete_table(DatabaseName=database, Name=table)
    for database in {database for database, _ in ICEBERG_TABLES}:
        glue.delete_database(Name=database)
    for part in MWAA_LOGS:
        logs.delete_log_group(logGroupName=f"airflow-analytics-{part}")
    sns.delete_topic(TopicArn=topic)


@pytest.mark.usefixtures("there_already")
def test_the_calls_of_whoever_deploys_are_answered_by_local_aws(session: boto3.Session) -> None:
    for command in AS_ACCOUNT:
        run(session, in_account(command, LOCAL.account))


@pytest.mark.parametrize("call", NOT_LOCAL, ids=" ".join)
def test_what_local_aws_has_not_it_refuses(session: boto3.Session, call: tuple[str, str]) -> None:
    (command,) = (one for one in AWS if (one[1], one[2]) == call)
    with pytest.raises((ClientError, EndpointConnectionError)):
        run(session, in_account(command, LOCAL.account))


@pytest.mark.parametrize("command", TO_AIRFLOW, ids=lambda command: " ".join(command[5:9]))
def test_airflows_requests_are_those_that_airflow_takes(command: list[str]) -> None:
    assert request_mistakes_of(command) == []


@pytest.mark.parametrize(("name", "paused"), [("analytics", True), ("analytics-new", False)])
def test_an_upgrade_leaves_the_old_environments_dags_paused_and_the_new_ones_running(
    session: boto3.Session, name: str, paused: bool
) -> None:
    with mwaa(session, name=name, paused=dict.fromkeys(dag_ids([PIPELINE.name]), True)) as double:
        for command in TO_AIRFLOW:
            if command[4] == name:
                run(session, command)
        assert double.paused == dict.fromkeys(dag_ids([PIPELINE.name]), paused)
        assert (f"POST /dags/{BOOTSTRAP}/dagRuns" in double.calls) is paused


def test_an_upgrade_pauses_a_dag_only_after_a_look_at_its_runs_and_looks_again() -> None:
    (script,) = (script for kind, script in BLOCKS if kind == "bash aws" and "until" in script)
    asked = [" ".join(command[5:9]) for command in commands_of(script)]
    look, pause = "--path /dags/{}/dagRuns --method GET", "--path /dags/{} --method PATCH"
    assert asked == [one.format(dag) for dag in dag_ids([PIPELINE.name]) for one in (look, pause, look)]


def test_every_optimizer_of_every_table_is_switched_off() -> None:
    off = [dict(zip(command[3::2], command[4::2], strict=True)) for command in AWS if command[1] == "glue"][1:]
    told = {(one["--database-name"], one["--table-name"], one["--type"]) for one in off}
    assert told == {(*table, kind) for table in ICEBERG_TABLES for kind in OPTIMIZERS}


@pytest.mark.parametrize("command", MAKE)
def test_what_deploys_to_an_environment_names_one_that_is_declared(command: str) -> None:
    words = dict(word.split("=") for word in command.split()[2:])
    assert read_environment(ROOT, words["ENV"]).mwaa
    made = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert f'--env "{words["ENV"]}"' in made.stdout
    assert ("--dry-run" in made.stdout) is ("DRY_RUN" in words)


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("aws mwaa get-environments", "no operation"),
        ("aws mwaa get-environment --nam x", "unknown option --nam"),
        ("aws mwaa get-environment", "Name is missing"),
        ("aws mwaa invoke-rest-api --name a --path /dags --method FETCH", "none of"),
        (f"aws mwaa invoke-rest-api --name a --path /{'a' * 64} --method GET", "longer than 64"),
        ("aws s3api put-bucket-versioning --bucket b --versioning-configuration State=Enabled", "no member State"),
    ],
)
def test_a_call_of_another_shape_is_found(command: str, mistake: str) -> None:
    assert mistake in "; ".join(mistakes_of(command.split()))


def test_the_commands_run_in_their_order_against_local_aws(local_aws: RunningLocalAws) -> None:
    # The checkout is set up before its tests run: `make test` does that.
    prepared = 'make() { command make -o setup "$@"; }\n'
    assert RUN
    for script in RUN:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", prepared + script],
            cwd=ROOT,
            env={**os.environ, **local_aws.environment, "MAKEFLAGS": ""},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, script + done.stdout + done.stderr


def test_whoever_deploys_is_told_every_service_of_the_template() -> None:
    told = TEXT.split("Who deploys needs ")[1].split(" and `airflow")[0]
    names = {"Events": "EventBridge"}
    services = {body["Type"].split("::")[1] for body in read_template()["Resources"].values()}
    assert {names.get(one, one) for one in services} - set(re.findall(r"\w+", told)) == set()


def test_every_dag_of_the_shipped_mode_is_unpaused() -> None:
    unpaused = {
        command[command.index("--path") + 1].rpartition("/")[2]
        for command in AWS
        if "--body" in command and json.loads(command[command.index("--body") + 1]) == {"is_paused": False}
    }
    assert (PIPELINE.schedule.mode, len(KINDS)) == ("both", 4)
    assert unpaused == set(dag_ids([PIPELINE.name]))


def test_the_statement_for_another_account_is_the_stacks_output() -> None:
    (told,) = (one for kind, script in BLOCKS if kind == "json" and (one := json.loads(script))["Action"] == ASSUME)
    rendered = Rendered(PARAMETERS)
    role = told.pop("Resource").replace("<tables' account>", ACCOUNT).replace("<pipeline>", "two-words")
    wanted = json.loads(rendered.outputs["MwaaRoleStatement"])
    assert {**told, "Resource": role.replace("<region>", REGION)} == wanted


def test_the_statements_about_mwaa_name_what_whoever_deploys_is_told() -> None:
    told = {action for kind, script in BLOCKS if kind == "json" for action in _actions(json.loads(script))}
    named = {f"airflow:{name}" for name in ("GetEnvironment", "UpdateEnvironment", "InvokeRestApi")}
    assert told == named | {"iam:PassRole", ASSUME}


def test_who_calls_for_a_run_from_outside_needs_the_statement_of_whoever_deploys_with_another_role() -> None:
    (given,) = (script for kind, script in blocks_of((ROOT / "docs" / "on-change.md").read_text()) if kind == "json")
    statements = [json.loads(script) for kind, script in BLOCKS if kind == "json"]
    (deployers,) = (one for one in statements if one["Action"] == "airflow:InvokeRestApi")
    assert json.loads(given.replace("/User", "/Admin")) == deployers


def _actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


def test_every_statement_of_every_role_has_its_reason() -> None:
    rendered = Rendered(PARAMETERS)
    section = TEXT.split("## What each role may do, and why")[1].split("\n## ")[0]
    told: dict[str, set[str]] = {}
    for role, statements in re.findall(r"^\| `(\w+Role)` \| (.+?) \|", section, re.MULTILINE):
        told.setdefault(role, set()).update(re.findall(r"`(\w+)`", statements))
    roles = rendered.of_type("AWS::IAM::Role")
    assert told == {role: {statement["Sid"] for statement in statements_of(rendered, role)} for role in roles}
