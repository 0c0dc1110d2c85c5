"""The documented examples of the operators, outside the pipelines' DAGs: real scheduler, real triggerer, local AWS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.dynamo_lake.windows import format_instant
from include.laptop.stack.clock import local_now
from tests.local_aws.roles import make_role
from tests.stack.running import Stack, wait_for

pytestmark = pytest.mark.deep

TABLE, BUCKET, JOB, CRAWLER, DATABASE = "Orders", "orders-exports", "orders-report", "orders", "orders"
STOPPED_DAY = "2026-11-25"
SCRIPT = f"import sys, time\nprint(sys.argv)\ntime.sleep(45 if '{STOPPED_DAY}' in str(sys.argv) else 4)\n"
ENDED_RUN = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}


@pytest.fixture(scope="module")
def orders(stack: Stack) -> Stack:
    """A table, a bucket, a job with one slot and a crawler that no pipeline knows; the examples' DAGs are on."""
    role = make_role(stack.client, "orders-glue", "glue.amazonaws.com", ["s3:*", "glue:*", "dynamodb:*", "logs:*"])
    place = {"LocationConstraint": stack.aws["AWS_REGION"]}
    stack.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    stack.client("s3").put_object(Bucket=BUCKET, Key="report.py", Body=SCRIPT.encode())
    dynamodb, glue = stack.client("dynamodb"), stack.client("glue")
    key = {"AttributeName": "orderID"}
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification=on)
    glue.create_job(
        Name=JOB,
        Role=role,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/report.py", "PythonVersion": "3"},
        ExecutionProperty={"MaxConcurrentRuns": 1},
        GlueVersion="6.0",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        Timeout=10,
    )
    glue.create_database(DatabaseInput={"Name": DATABASE})
    glue.create_crawler(
        Name=CRAWLER, Role=role, DatabaseName=DATABASE, Targets={"DynamoDBTargets": [{"Path": TABLE, "scanAll": True}]}
    )
    wait_for(
        lambda: "orders_export" in stack.api.dag_ids(), 300, f"the examples to be parsed {stack.api.import_errors()}"
    )
    for dag_id in ("orders_export", "orders_report", "orders_wait", "orders_crawl"):
        stack.api.unpause(dag_id)
    return stack


def result(stack: Stack, dag_id: str, run_id: str, task_id: str) -> Any:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return stack.api.ask("GET", path)["value"]


def job_runs(stack: Stack) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = stack.client("glue").get_job_runs(JobName=JOB)["JobRuns"]
    return runs


def test_an_export_is_waited_for_by_the_triggerer_and_reused_by_the_next_run(orders: Stack) -> None:
    start = local_now(orders.aws["AWS_ENDPOINT_URL"]).replace(microsecond=0)
    orders.client("dynamodb").put_item(TableName=TABLE, Item={"orderID": {"S": "o1"}})
    orders.ask_local_aws("clock", {"advance": 3600})
    conf = {"start": format_instant(start), "end": format_instant(start + timedelta(hours=1))}
    first, state = orders.run("orders_export", conf)
    assert state == "success", orders.failed_tasks("orders_export", first)
    exported = result(orders, "orders_export", first, "export")
    assert exported["prefix"].startswith(f"s3://{BUCKET}/exports/orders/window-")
    again, state = orders.run("orders_export", conf)
    assert (state, result(orders, "orders_export", again, "export")) == ("success", exported)
    of_table = exported["export_arn"].partition("/export/")[0]
    assert len(orders.client("dynamodb").list_exports(TableArn=of_table)["ExportSummaries"]) == 1
    waited, state = orders.run("orders_wait", {"export_arn": exported["export_arn"]})
    assert (state, result(orders, "orders_wait", waited, "wait")) == ("success", "success")
    links = orders.api.ask("GET", f"/dags/orders_wait/dagRuns/{waited}/taskInstances/wait/links")["extra_links"]
    assert exported["export_arn"] in links["Export"]


def test_two_batches_share_one_slot_and_a_second_run_of_a_batch_takes_what_succeeded(orders: Stack) -> None:
    first, state = orders.run("orders_report", {"day": "2026-11-24"})
    assert state == "success", orders.failed_tasks("orders_report", first)
    assert [run["JobRunState"] for run in job_runs(orders)] == ["SUCCEEDED", "SUCCEEDED"]
    assert {run["Arguments"]["--batch_id"] for run in job_runs(orders)} == {"north-2026-11-24", "south-2026-11-24"}
    again, state = orders.run("orders_report", {"day": "2026-11-24"})
    assert (state, len(job_runs(orders))) == ("success", 2)
    for task_id in ("north", "south"):
        assert result(orders, "orders_report", again, task_id) == result(orders, "orders_report", first, task_id)


def test_a_task_that_a_person_ends_while_it_waits_stops_its_job_run(orders: Stack) -> None:
    run_id = orders.api.trigger("orders_report", {"day": STOPPED_DAY})
    path = f"/dags/orders_report/dagRuns/{run_id}/taskInstances"

    def waiting() -> list[str]:
        known = {run["Arguments"]["--batch_id"] for run in job_runs(orders) if run["JobRunState"] not in ENDED_RUN}
        tasks = orders.api.tasks("orders_report", run_id)
        return [t["task_id"] for t in tasks if t["state"] == "deferred" and f"{t['task_id']}-{STOPPED_DAY}" in known]

    (task_id, *_) = wait_for(waiting, 300, "a task to wait for its job run")
    orders.api.ask("PATCH", f"{path}/{task_id}", {"new_state": "failed"})
    stopped = wait_for(lambda: state_of(orders, f"{task_id}-{STOPPED_DAY}") in ENDED_RUN, 120, "the job run to end")
    assert stopped
    assert state_of(orders, f"{task_id}-{STOPPED_DAY}") == "STOPPED"
    orders.wait_for_run("orders_report", run_id)


def state_of(stack: Stack, batch_id: str) -> str:
    return next(str(run["JobRunState"]) for run in job_runs(stack) if run["Arguments"]["--batch_id"] == batch_id)


def test_a_crawler_is_started_and_waited_for_once_a_day(orders: Stack) -> None:
    first, state = orders.run("orders_crawl")
    assert state == "success", orders.failed_tasks("orders_crawl", first)
    assert orders.client("glue").get_table(DatabaseName=DATABASE, Name="orders")["Table"]
    again, _ = orders.run("orders_crawl")
    assert {task["state"] for task in orders.api.tasks("orders_crawl", again)} == {"skipped"}
