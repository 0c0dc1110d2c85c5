"""One role per actor, each with the rights of its work and no others."""

from __future__ import annotations

import re

import pytest

from tests.infra.policies import allows, statements_of
from tests.infra.rights import FORBIDDEN, NEEDED, RENDERED, ROLES
from tests.infra.template import PARAMETERS, REGION, TEMPLATE_PATH, Rendered

KEY = RENDERED.arn_of("Key")
TABLE_KEYS = [PARAMETERS["MainTableKeyArn"], PARAMETERS["LookupTableKeyArn"]]


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
def test_the_key_serves_through_s3_only_and_the_tables_keys_through_dynamodb(role: str) -> None:
    services = {f"s3.{REGION}.amazonaws.com": [KEY], f"dynamodb.{REGION}.amazonaws.com": TABLE_KEYS}
    for statement in statements_of(RENDERED, role):
        if any(action.startswith("kms:") for action in statement["Action"]):
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]
            assert statement["Resource"] == services[via]
            assert via.startswith("s3.") or statement["Action"] == ["kms:Decrypt"], "it writes under no table's key"


@pytest.mark.parametrize("key", TABLE_KEYS)
def test_the_tables_keys_serve_those_who_read_the_tables(key: str) -> None:
    readers = {role for role in ROLES if allows(RENDERED, role, "kms:Decrypt", key)}
    assert readers == {"AirflowRole", "SourceCrawlerRole", "CaptureRole"}


def test_tables_without_a_key_of_their_owners_give_no_right_to_one() -> None:
    without = Rendered({name: value for name, value in PARAMETERS.items() if not name.endswith("TableKeyArn")})
    kept = {arn for role in ROLES for one in statements_of(without, role) for arn in one["Resource"] if ":kms:" in arn}
    assert kept == {KEY}


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
