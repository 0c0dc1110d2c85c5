"""The template keeps its promises: names, retention of data, outputs, no idle parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lake_airflow.run_log import LAG_HOURS, NAMESPACE, TO_LOOK_AT

from include.deploy.bundle import CAPTURE
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


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return Rendered(PARAMETERS)


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


def test_no_stream_record_is_retried_for_ever_nor_given_up_unheard(rendered: Rendered) -> None:
    mappings = rendered.of_type("AWS::Lambda::EventSourceMapping")
    assert mappings.keys() == {"MainMapping", "LookupMapping"}
    for mapping in mappings.values():
        assert 0 < int(mapping["MaximumRetryAttempts"]) <= 10_000
        assert int(mapping["MaximumRecordAgeInSeconds"]) <= 12 * 3600, "half of the stream's time is left for a replay"
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": rendered.arn_of("CaptureFailures")}}
        assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_the_function_runs_the_bundles_zip_and_knows_where_to_write(rendered: Rendered) -> None:
    function = rendered.resources["CaptureFunction"]["Properties"]
    module, _, name = function["Handler"].rpartition(".")
    assert (ROOT / (module.replace(".", "/") + ".py")).is_file()
    assert f"def {name}(" in (ROOT / (module.replace(".", "/") + ".py")).read_text()
    assert function["Code"]["S3Key"] == f"code/{'0' * 64}/{CAPTURE}"
    assert function["Environment"]["Variables"].keys() == {"PIPELINE", "BUCKET", "WAKE_UP_QUEUE_URL"}


def test_with_a_key_of_ones_own_the_stack_makes_none() -> None:
    own = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
    rendered = Rendered(PARAMETERS | {"OwnKeyArn": own})
    assert rendered.of_type("AWS::KMS::Key") == rendered.of_type("AWS::KMS::Alias") == {}
    assert rendered.outputs["KeyArn"] == own
    assert ":key/Key" not in json.dumps(rendered.resources)


def test_adopted_tables_are_not_in_the_stack() -> None:
    assert Rendered(PARAMETERS | {"CreateTables": "false"}).of_type("AWS::DynamoDB::Table") == {}


def test_a_table_has_its_declared_key_recovery_and_new_images(rendered: Rendered) -> None:
    tables = rendered.of_type("AWS::DynamoDB::Table")
    assert tables["MainTable"]["KeySchema"] == [
        {"AttributeName": "customer", "KeyType": "HASH"},
        {"AttributeName": "placed", "KeyType": "RANGE"},
    ]
    assert tables["MainTable"]["AttributeDefinitions"][1] == {"AttributeName": "placed", "AttributeType": "N"}
    assert tables["LookupTable"]["KeySchema"] == [{"AttributeName": "product", "KeyType": "HASH"}]
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


def test_the_merge_job_is_the_one_writer(rendered: Rendered) -> None:
    job = rendered.resources["MergeJob"]["Properties"]
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["MaxRetries"] == 0
    assert job["GlueVersion"] == "6.0"


def test_the_job_gets_its_settings_in_one_conf_chain(rendered: Rendered) -> None:
    arguments = rendered.resources["MergeJob"]["Properties"]["DefaultArguments"]
    bucket = rendered.name_of("Bucket")
    assert arguments["--pipeline"] == "two_words"
    assert arguments["--bucket"] == bucket
    assert arguments["--output_crawler"] == rendered.outputs["OutputCrawler"]
    assert arguments["--extra-py-files"] == f"s3://{bucket}/code/{'0' * 64}/library.zip"
    settings = dict(part.split("=", 1) for part in arguments["--conf"].split(" --conf "))
    assert settings["spark.sql.catalog.glue_catalog.warehouse"] == f"s3://{bucket}/warehouse/"
    assert settings["spark.sql.session.timeZone"] == "UTC"


def test_the_jobs_logs_are_the_stacks_groups(rendered: Rendered) -> None:
    prefix = rendered.resources["MergeJob"]["Properties"]["DefaultArguments"]["--custom-logGroup-prefix"]
    groups = {group["LogGroupName"] for group in rendered.of_type("AWS::Logs::LogGroup").values()}
    assert groups == {
        f"{prefix}/output",
        f"{prefix}/error",
        "/aws/lambda/two-words-capture",
        rendered.outputs["RunLog"],
    }


def test_crawlers_sample_the_sources_and_delete_nothing(rendered: Rendered) -> None:
    crawlers = rendered.of_type("AWS::Glue::Crawler")
    for crawler in crawlers.values():
        assert crawler["SchemaChangePolicy"]["DeleteBehavior"] == "LOG"
    assert crawlers["MainCrawler"]["Targets"]["DynamoDBTargets"] == [{"Path": "Orders", "ScanAll": False}]
    paths = crawlers["OutputCrawler"]["Targets"]["IcebergTargets"][0]["Paths"]
    assert paths == [f"s3://{rendered.name_of('Bucket')}/warehouse/rows/"]


def test_the_workgroup_lets_no_query_choose_its_own_settings(rendered: Rendered) -> None:
    configuration = rendered.resources["Workgroup"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert int(configuration["BytesScannedCutoffPerQuery"]) >= 10_000_000
    assert configuration["ResultConfiguration"]["OutputLocation"].endswith("/athena/")


def test_no_transport_without_tls(rendered: Rendered) -> None:
    of_queues = rendered.of_type("AWS::SQS::QueuePolicy")
    for name in ("BucketPolicy", *of_queues):
        (statement,) = rendered.resources[name]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert {f"{name}Policy" for name in rendered.of_type("AWS::SQS::Queue")} == of_queues.keys()


def test_a_queues_policy_names_its_own_queue_alone(rendered: Rendered) -> None:
    for name, policy in rendered.of_type("AWS::SQS::QueuePolicy").items():
        queue = name.removesuffix("Policy")
        assert policy["Queues"] == [rendered.name_of(queue)]
        resources = [statement["Resource"] for statement in policy["PolicyDocument"]["Statement"]]
        assert resources == [rendered.arn_of(queue)], "SQS takes one resource a statement"


def test_every_alarm_names_its_entry_in_the_runbook(rendered: Rendered) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    alarms = rendered.of_type("AWS::CloudWatch::Alarm")
    named = {name: re.findall(r'docs/runbook\.md, "([^"]+)"', a["AlarmDescription"]) for name, a in alarms.items()}
    assert {name: entries for name, entries in named.items() if len(entries) != 1 or entries[0] not in headings} == {}
    assert len(named) == 8
    for rule in rendered.of_type("AWS::Events::Rule").values():
        (entry,) = re.findall(r'docs/runbook\.md, "([^"]+)"', rule["Description"])
        assert entry in headings
        assert f"docs/runbook.md, {entry}" in rule["Targets"][0]["InputTransformer"]["InputTemplate"]


def test_a_failed_merge_is_told_whatever_ended_it(rendered: Rendered) -> None:
    (rule,) = rendered.of_type("AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"] == {"jobName": [rendered.outputs["MergeJob"]], "state": ["FAILED", "TIMEOUT"]}
    publishes = rendered.resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert "events.amazonaws.com" in {one["Principal"]["Service"] for one in publishes}


def test_of_cloudwatch_only_the_pipelines_own_alarms_reach_topic_and_key(rendered: Rendered) -> None:
    own = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:two-words-*"},
    }
    documents = (
        rendered.resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"],
        rendered.resources["Key"]["Properties"]["KeyPolicy"],
    )
    for document in documents:
        services = {one["Principal"].get("Service"): one.get("Condition") for one in document["Statement"]}
        assert services["cloudwatch.amazonaws.com"] == own
        assert services["events.amazonaws.com"] is None, "EventBridge hands the key no source"


def test_freshness_is_watched_unless_only_changes_start_runs(rendered: Rendered) -> None:
    alarm = rendered.resources["FreshnessAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, LAG_HOURS)
    assert alarm["TreatMissingData"] == "breaching"
    assert "FreshnessAlarm" not in Rendered(PARAMETERS | {"FreshnessHours": "0"}).resources


def test_runs_that_somebody_has_to_look_at_are_told_one_by_one(rendered: Rendered) -> None:
    alarm = rendered.resources["RunsToLookAtAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == (NAMESPACE, TO_LOOK_AT, "Sum")
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0, "notBreaching")


def test_nothing_of_one_pipeline_is_named() -> None:
    assert "campaign" not in TEMPLATE_PATH.read_text().lower()
