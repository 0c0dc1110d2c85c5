"""The offline evaluation of rights against the real thing: without its statement a service's work fails, with it it is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from include.deploy.deployment import Deployed
from include.local_aws.process import RunningLocalAws, ask
from tests.infra.deploying import PIPELINE, capturing, deploy_as
from tests.infra.least_privilege import Right, idle_rights, read_statements, recorded_of
from tests.infra.live_work import awaited, crawl, role_of, without

pytestmark = pytest.mark.deep


@pytest.fixture
def deployed(session: boto3.Session, checkout: Path) -> Deployed:
    return deploy_as(session, checkout, capturing(PIPELINE))[0]


def assert_needed_offline(session: boto3.Session, running: RunningLocalAws, role: str, right: Right) -> None:
    """The recorded decisions say the same of the right that was taken away."""
    decisions = recorded_of(ask(running.endpoint_url, "GET", "/_local/decisions")["decisions"])
    mine = [one for one in decisions if one.principal == role]
    assert right not in idle_rights(read_statements(session.client("iam"), role), mine)


def _run_job(glue: Any, deployed: Deployed) -> tuple[str, str]:
    """State and message of a run of the merge job."""
    job = deployed.outputs["MergeJob"]
    run_id = glue.start_job_run(JobName=job)["JobRunId"]

    def ended() -> tuple[str, str] | None:
        run = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        over = run["JobRunState"] in ("SUCCEEDED", "FAILED")
        return (run["JobRunState"], run.get("ErrorMessage", "")) if over else None

    found: tuple[str, str] = awaited(ended)
    return found


@pytest.mark.parametrize(
    ("work", "actor", "right", "refusal"),
    [
        (crawl, "SourceCrawlerRole", Right("Sample", "dynamodb:Scan"), "not authorized"),
        # Without it the job does not even get its script.
        (_run_job, "GlueJobRole", Right("ReadBatch", "s3:GetObject"), "403"),
    ],
)
def test_work_fails_without_its_right_and_succeeds_with_it(
    session: boto3.Session,
    local_aws: RunningLocalAws,
    deployed: Deployed,
    work: Callable[[Any, Deployed], tuple[str, str]],
    actor: str,
    right: Right,
    refusal: str,
) -> None:
    glue, role = session.client("glue"), role_of(deployed, actor)
    with without(session.client("iam"), role, right.sid):
        status, message = work(glue, deployed)
    assert (status, refusal in message) == ("FAILED", True), message
    assert work(glue, deployed)[0] == "SUCCEEDED"
    assert_needed_offline(session, local_aws, role, right)


def test_a_stream_function_that_may_not_write_loses_nothing_and_goes_on_when_it_may(
    session: boto3.Session, local_aws: RunningLocalAws, deployed: Deployed
) -> None:
    source, role = PIPELINE.main, role_of(deployed, "CaptureRole")
    s3 = session.client("s3")
    key = {attribute.name: {attribute.type: "1"} for attribute in source.key}

    def refused() -> bool | None:
        """Whether the function was heard to be refused: it hands the records back, so its mapping has no problem to tell."""
        decisions = ask(local_aws.endpoint_url, "GET", "/_local/decisions")["decisions"]
        return any(one["principal"] == role and not one["allowed"] for one in decisions) or None

    def inbox() -> list[Any] | None:
        return s3.list_objects_v2(Bucket=deployed.outputs["Bucket"], Prefix="inbox/").get("Contents")

    with without(session.client("iam"), role, "WriteChangeFiles"):
        session.client("dynamodb").put_item(TableName=source.table, Item=key)
        awaited(refused)
        assert inbox() is None
    assert len(awaited(inbox)) == 1
    assert_needed_offline(session, local_aws, role, Right("WriteChangeFiles", "s3:PutObject"))
