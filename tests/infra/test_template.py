"""The template keeps its promises: names, retention of data, outputs, no idle parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from include.deploy.settings import CAPTURE_OUTPUTS, KEY_BY_OUTPUT, LOOKUP_OUTPUTS
from include.deploy.template import LIMIT_BYTES, TEMPLATE, TemplateTooLargeError, read_template_body
from include.dynamo_lake.names import PipelineNames
from tests.infra.policies import statements_of
from tests.infra.template import (
    ACCOUNT,
    PARAMETERS,
    REGION,
    ROOT,
    TEMPLATE_PATH,
    WITHOUT_CAPTURE,
    WITHOUT_LOOKUP,
    Rendered,
    read_template,
)

HOLDS_DATA = {"MainTable", "LookupTable", "Key", "Bucket", "LakeDatabase", "AnalyticsDatabase"}


def _references(value: Any) -> set[str]:
    """Every name that Ref, Sub, GetAtt, If and Condition mention below ``value``."""
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, part in value.items():
        if key in {"Ref", "Condition"} and isinstance(part, str):
            found.add(part)
        elif key == "Fn::Sub":
            found |= {name.removesuffix(".Arn") for name in re.findall(r"\$\{([^}]+)\}", part)}
        elif key in {"Fn::GetAtt", "Fn::If"}:
            found |= {part[0]} | _references(part[1:])
        else:
            found |= _references(part)
    return found


def test_every_parameter_and_condition_is_used() -> None:
    template = read_template()
    used = _references([template["Resources"], template["Outputs"], template["Conditions"]])
    assert (template["Parameters"].keys() | template["Conditions"].keys()) - used == set()


def test_every_reference_exists() -> None:
    template = read_template()
    known = template["Parameters"].keys() | template["Resources"].keys() | template["Conditions"].keys()
    used = _references([template["Resources"], template["Outputs"], template["Conditions"]])
    assert {name for name in used - known if not name.startswith("AWS::")} == set()


def test_the_template_fits_into_one_request_with_room_to_grow() -> None:
    assert len(read_template_body(ROOT).encode()) <= LIMIT_BYTES * 19 // 20


def test_a_template_that_does_not_fit_is_refused_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / TEMPLATE).parent.mkdir(parents=True)
    (tmp_path / TEMPLATE).write_text(TEMPLATE_PATH.read_text().replace("One pipeline", "x" * LIMIT_BYTES, 1))
    with pytest.raises(TemplateTooLargeError, match=f"CloudFormation takes {LIMIT_BYTES}"):
        read_template_body(tmp_path)


def test_what_is_sent_is_the_template_without_what_linters_read() -> None:
    raw = read_template()
    for resource in raw["Resources"].values():
        resource.pop("Metadata", None)
    assert json.loads(read_template_body(ROOT)) == raw


def test_what_holds_data_outlives_the_stack() -> None:
    resources = read_template()["Resources"]
    retained = {
        name
        for name, body in resources.items()
        if body.get("DeletionPolicy") == body.get("UpdateReplacePolicy") == "Retain"
    }
    assert retained == HOLDS_DATA


def test_every_name_starts_with_the_pipelines(rendered: Rendered) -> None:
    logs = ("/aws-glue/jobs/two-words-", "/aws/lambda/two-words-", "/dynamo-lake/two-words")
    own = ("two-words", "two_words_", "alias/two-words-", *logs, "Orders", "Products")
    names = {logical_id: rendered.name_of(logical_id) for logical_id in rendered.resources}
    named = {logical_id: name for logical_id, name in names.items() if name}
    assert {logical_id: name for logical_id, name in named.items() if not name.startswith(own)} == {}
    policies = {"WakeUpQueuePolicy", "WakeUpDeadLettersPolicy", "CaptureFailuresPolicy"}
    assert names.keys() - named.keys() == {"Key", "BucketPolicy", "AlarmTopicPolicy", *policies}


def test_the_longest_pipeline_name_fits_every_limit() -> None:
    longest = "p" * 30
    bucket = PipelineNames(longest).bucket(ACCOUNT, "ap-southeast-2")
    rendered = Rendered(PARAMETERS | {"Pipeline": longest, "Slug": longest, "BucketName": bucket})
    roles = [p["RoleName"] for p in rendered.of_type("AWS::IAM::Role").values()]
    assert max(map(len, roles)) + len("ap-southeast-2") - len("eu-central-1") <= 64
    assert rendered.resources["Bucket"]["Properties"]["BucketName"] == bucket
    assert len(bucket) <= 63


def test_outputs_are_the_settings_and_one_role_per_actor() -> None:
    outputs = read_template()["Outputs"]
    roles = {name for name in outputs if name.endswith("RoleArn")}
    for_mwaa = {name for name in outputs if name.startswith("Mwaa")}
    assert outputs.keys() - roles - for_mwaa == KEY_BY_OUTPUT.keys()
    assert {f"{name}Arn" for name, r in read_template()["Resources"].items() if r["Type"] == "AWS::IAM::Role"} == roles
    assert {name for name, body in outputs.items() if body.get("Condition") == "HasLookup"} == LOOKUP_OUTPUTS
    captured = {name for name, body in outputs.items() if body.get("Condition", "").startswith("Capture")}
    assert captured - roles == CAPTURE_OUTPUTS


def test_the_outputs_say_what_an_existing_mwaa_environment_needs(rendered: Rendered) -> None:
    statement = json.loads(rendered.outputs["MwaaRoleStatement"])
    assert statement == {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": rendered.outputs["AirflowRoleArn"]}
    actions = {action for one in statements_of(rendered, "AirflowRole") for action in one["Action"]}
    assert {action.partition(":")[0] for action in actions} | {"sts"} == set(rendered.outputs["MwaaReaches"].split())


def test_the_contracts_table_lists_the_same_settings() -> None:
    section = (ROOT / "docs" / "contracts.md").read_text().split("## Settings: from stack outputs to Airflow")[1]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    pairs = [pair for outputs, keys in rows for pair in zip(_quoted(outputs), _quoted(keys), strict=False)]
    listed = {output: key for output, key in pairs if "Role" not in output}
    assert listed == KEY_BY_OUTPUT


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_names_agree_with_their_owner(rendered: Rendered) -> None:
    names = PipelineNames("two_words")
    assert rendered.outputs["LakeDatabase"] == names.lake_database
    assert rendered.outputs["AnalyticsDatabase"] == names.analytics_database
    assert rendered.outputs["SourcesDatabase"] == names.sources_database
    assert PARAMETERS["Slug"] == names.dashed


def test_a_pipeline_without_lookup_has_nothing_of_one() -> None:
    without, whole = Rendered(WITHOUT_LOOKUP), Rendered(PARAMETERS)
    assert whole.resources.keys() - without.resources.keys() == {"LookupTable", "LookupCrawler", "LookupMapping"}
    assert whole.outputs.keys() - without.outputs.keys() == LOOKUP_OUTPUTS | {"LookupStreamArn"}
    assert "Products" not in json.dumps(without.resources)


def test_a_pipeline_that_captures_no_stream_has_no_function_and_nobody_with_its_rights() -> None:
    without, whole = Rendered(WITHOUT_CAPTURE), Rendered(PARAMETERS)
    assert {whole.resources[name]["Type"] for name in whole.resources.keys() - without.resources.keys()} == {
        "AWS::Lambda::Function",
        "AWS::Lambda::EventSourceMapping",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::CloudWatch::Alarm",
    }
    assert "/stream/" not in json.dumps(without.resources)


def test_with_a_key_of_ones_own_the_stack_makes_none() -> None:
    own = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
    rendered = Rendered(PARAMETERS | {"OwnKeyArn": own})
    assert rendered.of_type("AWS::KMS::Key") == rendered.of_type("AWS::KMS::Alias") == {}
    assert rendered.outputs["KeyArn"] == own
    assert ":key/Key" not in json.dumps(rendered.resources)


def test_adopted_tables_are_not_in_the_stack() -> None:
    assert Rendered(PARAMETERS | {"CreateTables": "false"}).of_type("AWS::DynamoDB::Table") == {}


def test_nothing_of_one_pipeline_is_named() -> None:
    assert "campaign" not in TEMPLATE_PATH.read_text().lower()
