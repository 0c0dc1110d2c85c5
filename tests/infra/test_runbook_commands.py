"""docs/runbook.md's commands are such as AWS and Airflow take, and its policy for whoever is on call suffices for them."""

from __future__ import annotations

import ast
import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore import xform_name

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.names import COVERAGE_KEY, PipelineNames
from tests.infra.airflow_requests import request_mistakes_of
from tests.infra.aws_cli import SESSION, commands_of, mistakes_of
from tests.infra.deploy_docs import EXAMPLE_ACCOUNT, RUNBOOK, RUNBOOK_TEXT
from tests.infra.template import PARAMETERS, REGION, Rendered

PIPELINE = read_declaration("campaign")
BUCKET = PipelineNames(PIPELINE.name).bucket(EXAMPLE_ACCOUNT, REGION)
STACK = Rendered(PARAMETERS | {"Slug": PIPELINE.name, "BucketName": BUCKET})
COMMANDS = [command for kind, script in RUNBOOK if kind == "bash aws" for command in commands_of(script)]
COPIES = [command for command in COMMANDS if command[1:3] == ["s3", "cp"]]
CALLS = [command for command in COMMANDS if command not in COPIES]
REQUESTS = [command for command in CALLS if command[1:3] == ["mwaa", "invoke-rest-api"]]
# The script's clients, and what IAM calls an operation where it is not the API's service and name.
CLIENTS = {"sqs": "sqs", "streams": "dynamodbstreams", "functions": "lambda"}
IN_IAM = {"mwaa": "airflow", "dynamodbstreams": "dynamodb", "lambda:Invoke": "lambda:InvokeFunction"}


def test_every_block_says_what_it_is() -> None:
    assert {kind for kind, _ in RUNBOOK} == {"bash aws", "json", "python"}


@pytest.mark.parametrize("command", CALLS, ids=lambda command: " ".join(command[1:7]))
def test_a_call_has_the_apis_shape(command: list[str]) -> None:
    assert mistakes_of(command) == []


@pytest.mark.parametrize("command", REQUESTS, ids=lambda command: command[6])
def test_a_request_is_one_that_airflow_takes(command: list[str]) -> None:
    assert request_mistakes_of(command) == []


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("clearTaskInstances", "clearTasks"), "Airflow has no POST"),
        (('"dry_run"', '"dry"'), "Additional properties"),
        (('"task_ids": [', '"task_ids": ["plan", 1, '), "is not valid under any"),
    ],
)
def test_a_request_that_airflow_would_refuse_is_found(change: tuple[str, str], mistake: str) -> None:
    (clear,) = (command for command in REQUESTS if command[6].endswith("/clearTaskInstances"))
    assert mistake in "; ".join(request_mistakes_of([word.replace(*change) for word in clear]))


def test_what_is_copied_is_what_the_lake_covers() -> None:
    (copy,) = COPIES
    assert copy == ["aws", "s3", "cp", f"s3://{BUCKET}/{COVERAGE_KEY}", "-"]


def test_the_logs_are_those_of_the_stack() -> None:
    read = {command[command.index("--log-group-name") + 1] for command in CALLS if command[1] == "logs"}
    assert {group for group in read if group.startswith("/")} <= set(_names("AWS::Logs::LogGroup", "LogGroupName"))


def test_whoever_is_on_call_may_do_what_the_page_asks_for() -> None:
    (script,) = (script for kind, script in RUNBOOK if kind == "python")
    told = [(command[1], command[2]) for command in CALLS] + re.findall(r"`aws (\w+) ([\w-]+) ", RUNBOOK_TEXT)
    needed = {_action(service, name) for service, name in [*told, *_calls_of(script)]}
    by_who_deploys = {"dynamodb:UpdateContinuousBackups"}
    allowed = {action for one in _statements() for action in _listed(one["Action"])}
    assert needed - by_who_deploys - allowed == set()
    assert allowed - needed == {"s3:GetObject", "s3:ListBucket", "glue:GetJobRuns", "kms:Decrypt"}, (
        "the copy, and looks"
    )


def test_the_policy_reaches_the_stacks_own() -> None:
    here = f"{REGION}:{EXAMPLE_ACCOUNT}"
    queues = [name for name in _names("AWS::SQS::Queue", "QueueName") if not name.endswith("-wake-up")]
    wanted = [
        *(f"arn:aws:sqs:{here}:{name}" for name in queues),
        *(
            f"arn:aws:logs:{here}:log-group:{name}:log-stream:x"
            for name in _names("AWS::Logs::LogGroup", "LogGroupName")
        ),
        *(f"arn:aws:lambda:{here}:function:{name}" for name in _names("AWS::Lambda::Function", "FunctionName")),
        *(f"arn:aws:glue:{here}:job/{name}" for name in _names("AWS::Glue::Job", "Name")),
        *(f"arn:aws:glue:{here}:crawler/{name}" for name in _names("AWS::Glue::Crawler", "Name")),
        *(f"arn:aws:dynamodb:{here}:table/{source.table}/stream/2026" for source in PIPELINE.sources),
        f"arn:aws:s3:::{BUCKET}/{COVERAGE_KEY}",
    ]
    patterns = [arn for one in _statements() for arn in _listed(one["Resource"]) if arn != "*"]
    assert [arn for arn in wanted if not any(fnmatchcase(arn, pattern) for pattern in patterns)] == []


def _names(kind: str, field: str) -> list[str]:
    return [one[field] for one in STACK.of_type(kind).values()]


def _statements() -> list[dict[str, Any]]:
    (policy,) = (json.loads(script) for kind, script in RUNBOOK if kind == "json")
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _calls_of(script: str) -> list[tuple[str, str]]:
    """Service and operation of what the script calls."""
    called = [node.func for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    return [
        (CLIENTS[one.value.id], one.attr.replace("_", "-"))
        for one in called
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in CLIENTS
    ]


def _action(service: str, operation: str) -> str:
    names = {xform_name(name, "-"): name for name in SESSION.get_service_model(service).operation_names}
    action = f"{IN_IAM.get(service, service)}:{names[operation]}"
    return IN_IAM.get(action, action)
