"""Each resource of the template is set as its work needs: tables, job, crawlers, function, queues, workgroup."""

from __future__ import annotations

from include.deploy.bundle import CAPTURE
from tests.infra.template import ROOT, Rendered


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
