"""Crawlers catalog what they find, under their role."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.lake import ROWS, append_rows, create_tasks, open_catalog
from tests.local_aws.roles import make_role

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def role(client: Client) -> str:
    """A role that may do what a crawler does."""
    client("s3").create_bucket(Bucket="crawled", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client("glue").create_database(DatabaseInput={"Name": "crawls"})
    actions = ["dynamodb:DescribeTable", "dynamodb:Scan", "glue:*", "s3:*"]
    return make_role(client, "crawler-all", "glue.amazonaws.com", actions)


def crawl(glue: Any, name: str) -> dict[str, Any]:
    """Start a crawler, wait for READY and return its LastCrawl."""
    glue.start_crawler(Name=name)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        crawler = glue.get_crawler(Name=name)["Crawler"]
        if crawler["State"] == "READY":
            last: dict[str, Any] = crawler["LastCrawl"]
            return last
        time.sleep(0.1)
    raise TimeoutError(name)


def make_table(client: Client, name: str, *items: dict[str, Any]) -> None:
    client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
    )  # fmt: skip
    for item in items:
        client("dynamodb").put_item(TableName=name, Item=item)


def test_a_dynamodb_table_is_catalogued_with_inferred_types(client: Client, role: str) -> None:
    items = (
        {"Id": {"S": "1"}, "Count": {"N": "1"}, "Price": {"N": "1.5"}, "Mixed": {"S": "x"}, "Nothing": {"NULL": True},
         "Tasks": {"L": [{"M": {"taskID": {"S": "t"}, "reward": {"N": "2"}}}]}},
        {"Id": {"S": "2"}, "Count": {"N": "2"}, "Price": {"N": "2"}, "Mixed": {"N": "3"}, "On": {"BOOL": True},
         "Tasks": {"L": [{"M": {"reward": {"N": "0.5"}}}]}},
    )  # fmt: skip
    make_table(client, "Typed-Items", *items)
    glue = client("glue")
    glue.create_crawler(
        Name="typed",
        Role=role,
        DatabaseName="crawls",
        TablePrefix="p_",
        Targets={"DynamoDBTargets": [{"Path": "Typed-Items"}]},
    )
    last = crawl(glue, "typed")
    assert last["Status"] == "SUCCEEDED", last
    table = glue.get_table(DatabaseName="crawls", Name="p_typed_items")["Table"]
    assert {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]} == {
        "count": "bigint", "id": "string", "mixed": "string", "nothing": "string", "on": "boolean", "price": "double",
        "tasks": "array<struct<reward:double,taskid:string>>",
    }  # fmt: skip
    assert table["Parameters"]["classification"] == "dynamodb"
    assert glue.list_crawls(CrawlerName="typed")["Crawls"][0]["State"] == "COMPLETED"


def test_a_new_attribute_updates_the_table_and_nothing_new_leaves_its_version(client: Client, role: str) -> None:
    make_table(client, "Growing", {"Id": {"S": "1"}})
    glue = client("glue")
    glue.create_crawler(
        Name="growing",
        Role=role,
        DatabaseName="crawls",
        Targets={"DynamoDBTargets": [{"Path": "Growing", "scanAll": False}]},
    )
    crawl(glue, "growing")
    client("dynamodb").put_item(TableName="Growing", Item={"Id": {"S": "1"}, "New": {"S": "x"}})
    crawl(glue, "growing")
    grown = glue.get_table(DatabaseName="crawls", Name="growing")["Table"]
    crawl(glue, "growing")
    again = glue.get_table(DatabaseName="crawls", Name="growing")["Table"]
    assert [column["Name"] for column in grown["StorageDescriptor"]["Columns"]] == ["id", "new"]
    assert again["VersionId"] == grown["VersionId"]
    versions = glue.get_table_versions(DatabaseName="crawls", TableName="growing")["TableVersions"]
    assert [version["VersionId"] for version in versions] == ["2", "1"]


def test_an_iceberg_path_moves_the_table_to_its_newest_metadata(
    client: Client, role: str, running: RunningLocalAws
) -> None:
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": "writers"})
    table = create_tasks(open_catalog(running.environment), "writers.tasks", "s3://crawled/warehouse/tasks", ROWS)
    target = {"IcebergTargets": [{"Paths": ["s3://crawled/warehouse/tasks/"], "MaximumTraversalDepth": 1}]}
    glue.create_crawler(Name="output", Role=role, DatabaseName="crawls", Targets=target)
    last = crawl(glue, "output")
    assert last["Status"] == "SUCCEEDED", last
    first = glue.get_table(DatabaseName="crawls", Name="tasks")["Table"]
    append_rows(table, ROWS[:1])
    crawl(glue, "output")
    second = glue.get_table(DatabaseName="crawls", Name="tasks")["Table"]
    assert first["Parameters"]["table_type"] == "ICEBERG"
    assert second["Parameters"]["metadata_location"] == table.metadata_location
    assert second["Parameters"]["previous_metadata_location"] == first["Parameters"]["metadata_location"]
    assert {c["Name"]: c["Type"] for c in second["StorageDescriptor"]["Columns"]}["reward_earned"] == "decimal(18,6)"


def test_a_running_crawler_refuses_a_second_start_and_can_be_stopped(client: Client, role: str) -> None:
    make_table(client, "Slow")
    glue = client("glue")
    glue.create_crawler(Name="slow", Role=role, DatabaseName="crawls", Targets={"DynamoDBTargets": [{"Path": "Slow"}]})
    glue.start_crawler(Name="slow")
    assert glue.get_crawler(Name="slow")["Crawler"]["State"] == "RUNNING"
    with pytest.raises(ClientError, match="CrawlerRunningException"):
        glue.start_crawler(Name="slow")
    glue.stop_crawler(Name="slow")
    while glue.get_crawler(Name="slow")["Crawler"]["State"] != "READY":
        time.sleep(0.05)
    assert glue.get_crawler(Name="slow")["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"
    with pytest.raises(ClientError, match="CrawlerNotRunningException"):
        glue.stop_crawler(Name="slow")


@pytest.mark.parametrize(
    ("target", "missing"),
    [("Denied", "dynamodb:Scan"), ("Absent", "ResourceNotFoundException")],
)
def test_a_crawl_that_may_not_or_cannot_read_fails_and_says_why(
    client: Client, role: str, target: str, missing: str
) -> None:
    if target == "Denied":
        make_table(client, target)
        role = make_role(client, "crawler-no-scan", "glue.amazonaws.com", ["dynamodb:DescribeTable", "glue:*"])
    glue = client("glue")
    glue.create_crawler(
        Name=f"fails-{target}", Role=role, DatabaseName="crawls", Targets={"DynamoDBTargets": [{"Path": target}]}
    )
    last = crawl(glue, f"fails-{target}")
    assert last["Status"] == "FAILED"
    assert missing in last["ErrorMessage"]


def test_a_role_that_does_not_trust_glue_fails_the_crawl(client: Client) -> None:
    role = make_role(client, "crawler-untrusted", "lambda.amazonaws.com", ["glue:*"])
    glue = client("glue")
    glue.create_crawler(
        Name="untrusted", Role=role, DatabaseName="crawls", Targets={"DynamoDBTargets": [{"Path": "Slow"}]}
    )
    assert "trust policy" in crawl(glue, "untrusted")["ErrorMessage"]


def test_an_optimizer_needs_its_table_and_is_never_run(client: Client, role: str) -> None:
    glue = client("glue")
    named: dict[str, Any] = {"CatalogId": "000000000000", "DatabaseName": "crawls", "Type": "compaction"}
    off = {"TableOptimizerConfiguration": {"roleArn": role, "enabled": False}}
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.create_table_optimizer(**named, TableName="nowhere", **off)
    glue.create_table(DatabaseName="crawls", TableInput={"Name": "kept"})
    with pytest.raises(ClientError, match="NotImplementedByLocalAws"):
        glue.create_table_optimizer(
            **named, TableName="kept", TableOptimizerConfiguration={"roleArn": role, "enabled": True}
        )
    glue.create_table_optimizer(**named, TableName="kept", **off)
    assert glue.get_table_optimizer(**named, TableName="kept")["TableOptimizer"]["configuration"]["enabled"] is False
    glue.delete_table(DatabaseName="crawls", Name="kept")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_table_optimizer(**named, TableName="kept")


def test_a_stale_version_id_loses_and_skip_archive_leaves_no_version(client: Client, role: str) -> None:
    glue = client("glue")
    glue.create_table(DatabaseName="crawls", TableInput={"Name": "versioned", "Parameters": {"n": "1"}})
    glue.update_table(DatabaseName="crawls", TableInput={"Name": "versioned", "Parameters": {"n": "2"}}, VersionId="1")
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        glue.update_table(
            DatabaseName="crawls", TableInput={"Name": "versioned", "Parameters": {"n": "x"}}, VersionId="1"
        )
    glue.update_table(
        DatabaseName="crawls", TableInput={"Name": "versioned", "Parameters": {"n": "3"}}, SkipArchive=True
    )
    versions = glue.get_table_versions(DatabaseName="crawls", TableName="versioned")["TableVersions"]
    assert [(one["VersionId"], one["Table"]["Parameters"]["n"]) for one in versions] == [("3", "3"), ("1", "1")]
    assert (
        glue.get_table_version(DatabaseName="crawls", TableName="versioned", VersionId="1")["TableVersion"]["VersionId"]
        == "1"
    )


def test_roles_may_only_start_the_crawlers_they_name(client: Client, role: str) -> None:
    make_role(client, "starter", "self", ["glue:StartCrawler"], ["arn:aws:glue:*:*:crawler/allowed"])
    sts = client("sts")
    arn = "arn:aws:iam::000000000000:role/starter"
    credentials = sts.assume_role(RoleArn=arn, RoleSessionName="starter")["Credentials"]
    client("glue").create_crawler(
        Name="other", Role=role, DatabaseName="crawls", Targets={"DynamoDBTargets": [{"Path": "Slow"}]}
    )
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client("glue", credentials).start_crawler(Name="other")
    assert client("glue").get_crawler(Name="other")["Crawler"]["State"] == "READY"
