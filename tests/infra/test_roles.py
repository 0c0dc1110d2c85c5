"""One role per actor, each with the rights of its work and no others."""

from __future__ import annotations

import re

import pytest

from tests.infra.policies import allows, statements_of
from tests.infra.rights import FORBIDDEN, NEEDED, RENDERED, ROLES
from tests.infra.template import PARAMETERS, REGION, TEMPLATE_PATH

KEY = RENDERED.arn_of("Key")


@pytest.mark.parametrize(("role", "action", "arn"), NEEDED)
def test_a_role_may_do_its_work(role: str, action: str, arn: str) -> None:
    assert allows(RENDERED, role, action, arn)


@pytest.mark.parametrize(("role", "action", "arn"), FORBIDDEN)
def test_a_role_may_do_no_others_work(role: str, action: str, arn: str) -> None:
    assert not allows(RENDERED, role, action, arn)


@pytest.mark.parametrize("role", ROLES)
def test_every_right_names_its_action_and_resource(role: str) -> None:
    for statement in statements_of(RENDERED, role):
        assert statement["Effect"] == "Allow"
        assert [action for action in statement["Action"] if "*" in action] == []
        assert "*" not in statement["Resource"]


@pytest.mark.parametrize("role", ROLES)
def test_the_key_serves_through_s3_only(role: str) -> None:
    for statement in statements_of(RENDERED, role):
        if any(action.startswith("kms:") for action in statement["Action"]):
            assert statement["Resource"] == [KEY]
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]
            assert via == f"s3.{REGION}.amazonaws.com"


def test_every_wildcard_resource_gives_its_reason() -> None:
    lines = TEMPLATE_PATH.read_text().splitlines()
    wildcards = [number for number, line in enumerate(lines) if re.fullmatch(r'\s*Resource: "\*"', line)]
    in_key_policy = [n for n in wildcards if any("KeyPolicy:" in line for line in lines[n - 45 : n])]
    bare = [n + 1 for n in wildcards if n not in in_key_policy and not lines[n - 1].strip().startswith("#")]
    assert bare == []
    assert len(in_key_policy) == 4


def test_each_service_role_is_for_its_service_and_each_other_for_its_principal() -> None:
    trusted = {
        name: properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        for name, properties in RENDERED.of_type("AWS::IAM::Role").items()
    }
    glue = {"Service": "glue.amazonaws.com"}
    assert trusted == {
        "AirflowRole": {"AWS": PARAMETERS["AirflowPrincipal"]},
        "SourceCrawlerRole": glue,
        "OutputCrawlerRole": glue,
        "GlueJobRole": glue,
        "CaptureRole": {"Service": "lambda.amazonaws.com"},
        "ReaderRole": {"AWS": PARAMETERS["ReaderPrincipal"]},
    }
