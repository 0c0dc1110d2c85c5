"""Definitions of jobs, crawlers and tables: written over as a whole, and gone with what was known of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.roles import make_role
from tests.local_aws.test_crawlers import crawl, make_table
from tests.local_aws.test_stacks import deploy

Client = Callable[..., Any]
Template = dict[str, Any]
COMMAND = {"Name": "glueetl", "ScriptLocation": "s3://b/k"}
ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


def destroy(cloudformation: Any, name: str) -> None:
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def job_template(name: str, **properties: Any) -> Template:
    job = {"Name": name, "Role": ROLE, "Command": COMMAND, **properties}
    return {"Resources": {"Job": {"Type": "AWS::Glue::Job", "Properties": job}}}


def concurrent_runs(client: Client, name: str) -> int:
    runs: int = client("glue").get_job(JobName=name)["Job"]["ExecutionProperty"]["MaxConcurrentRuns"]
    return runs


def test_an_update_writes_the_whole_definition_over(client: Client, name: str) -> None:
    glue = client("glue")
    settings = {"GlueVersion": "6.0", "WorkerType": "G.2X", "NumberOfWorkers": 4, "DefaultArguments": {"--a": "b"}}
    glue.create_job(Name=name, Role=ROLE, Command=COMMAND, ExecutionProperty={"MaxConcurrentRuns": 3}, **settings)
    glue.update_job(JobName=name, JobUpdate={"Role": ROLE, "Command": COMMAND, "GlueVersion": "6.0"})
    job = glue.get_job(JobName=name)["Job"]
    assert (job["ExecutionProperty"], job["DefaultArguments"]) == ({"MaxConcurrentRuns": 1}, {})
    assert (job["GlueVersion"], job.get("WorkerType"), job.get("NumberOfWorkers")) == ("6.0", None, None)


def test_a_stack_that_no_longer_names_the_concurrency_sets_it_back(client: Client, name: str) -> None:
    cloudformation = client("cloudformation")
    deploy(cloudformation, name, job_template(name, ExecutionProperty={"MaxConcurrentRuns": 5}))
    assert concurrent_runs(client, name) == 5
    deploy(cloudformation, name, job_template(name), "UPDATE")
    assert concurrent_runs(client, name) == 1
    destroy(cloudformation, name)


def test_what_a_stack_makes_again_knows_nothing_of_what_was_there_before(client: Client, name: str) -> None:
    cloudformation, glue = client("cloudformation"), client("glue")
    make_table(client, name, {"Id": {"S": "1"}})
    role = make_role(client, name, "glue.amazonaws.com", ["dynamodb:DescribeTable", "dynamodb:Scan", "glue:*"])
    database = {"CatalogId": "000000000000", "DatabaseInput": {"Name": name}}
    targets = {"DynamoDBTargets": [{"Path": name}]}
    crawler = {"Name": name, "Role": role, "DatabaseName": name, "Targets": targets}
    template = job_template(name, ExecutionProperty={"MaxConcurrentRuns": 5})
    template["Resources"]["Database"] = {"Type": "AWS::Glue::Database", "Properties": database}
    template["Resources"]["Crawler"] = {"Type": "AWS::Glue::Crawler", "Properties": crawler, "DependsOn": "Database"}
    deploy(cloudformation, name, template)
    assert crawl(glue, name)["Status"] == "SUCCEEDED"
    table = glue.get_tables(DatabaseName=name)["TableList"][0]["Name"]
    glue.update_table(DatabaseName=name, TableInput={"Name": table})
    versions = {"DatabaseName": name, "TableName": table}
    assert len(glue.get_table_versions(**versions)["TableVersions"]) == 2

    destroy(cloudformation, name)
    del template["Resources"]["Job"]["Properties"]["ExecutionProperty"]
    deploy(cloudformation, name, template)
    assert concurrent_runs(client, name) == 1
    assert "LastCrawl" not in glue.get_crawler(Name=name)["Crawler"]
    assert glue.list_crawls(CrawlerName=name)["Crawls"] == []
    glue.create_table(DatabaseName=name, TableInput={"Name": table})
    assert len(glue.get_table_versions(**versions)["TableVersions"]) == 1
    destroy(cloudformation, name)


@pytest.mark.parametrize("by", ["batch_delete_table", "delete_database"])
def test_a_table_that_comes_back_has_no_versions_and_no_optimizer_of_the_one_before(
    client: Client, name: str, by: str
) -> None:
    glue = client("glue")

    def make() -> None:
        if by == "delete_database" or name not in [d["Name"] for d in glue.get_databases()["DatabaseList"]]:
            glue.create_database(DatabaseInput={"Name": name})
        glue.create_table(DatabaseName=name, TableInput={"Name": "t"})

    make()
    glue.update_table(DatabaseName=name, TableInput={"Name": "t", "Description": "new"})
    optimizer = {"CatalogId": "000000000000", "DatabaseName": name, "TableName": "t", "Type": "compaction"}
    glue.create_table_optimizer(**optimizer, TableOptimizerConfiguration={"enabled": False})
    if by == "delete_database":
        glue.delete_database(Name=name)
    else:
        glue.batch_delete_table(DatabaseName=name, TablesToDelete=["t"])
    make()
    assert len(glue.get_table_versions(DatabaseName=name, TableName="t")["TableVersions"]) == 1
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_table_optimizer(**optimizer)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Timeout": 100_000}, "InvalidInputException"),
        ({"MaxCapacity": 2.0, "NumberOfWorkers": 2}, "InvalidInputException"),
        ({"ExecutionClass": "FLEX"}, "NotImplementedByLocalAws"),
        ({"JobRunQueuingEnabled": True}, "NotImplementedByLocalAws"),
        ({"JobRunId": "jr_1"}, "NotImplementedByLocalAws"),
        ({"SecurityConfiguration": "mine"}, "NotImplementedByLocalAws"),
    ],
)
def test_a_run_that_would_not_be_what_was_asked_for_is_refused(
    client: Client, name: str, given: dict[str, Any], code: str
) -> None:
    glue = client("glue")
    glue.create_job(Name=name, Role=ROLE, Command=COMMAND)
    with pytest.raises(ClientError, match=code):
        glue.start_job_run(JobName=name, **given)
    assert glue.get_job_runs(JobName=name)["JobRuns"] == []
