"""Smoke check of a deployed stack: its parts are there, whole, and of one version."""

from __future__ import annotations

from typing import Any

from include.deploy.deployment import Deployed
from include.deploy.stack import Say
from include.dynamo_lake.errors import TerminalError


class SmokeError(TerminalError):
    """Something that was deployed is not there as it should be."""


def check_stack(session: Any, deployed: Deployed, say: Say) -> None:
    """Look at the merge job's code, the workgroup, the queue and the stream mappings.

    Raises:
        SmokeError: with every finding.
    """
    outputs = deployed.outputs
    findings = [*_code_findings(session, outputs), *_mapping_findings(session, outputs)]
    workgroup = session.client("athena").get_work_group(WorkGroup=outputs["Workgroup"])["WorkGroup"]
    if workgroup.get("State", "ENABLED") != "ENABLED":
        findings.append(f"workgroup {outputs['Workgroup']} is {workgroup['State']}: enable it")
    session.client("sqs").get_queue_attributes(QueueUrl=outputs["WakeUpQueueUrl"], AttributeNames=["QueueArn"])
    if findings:
        raise SmokeError(f"stack {deployed.stack}: {'; '.join(findings)}")
    say(f"stack {deployed.stack}: job, workgroup, queue and streams answer, code {outputs['CodeVersion'][:12]}")


def _code_findings(session: Any, outputs: dict[str, str]) -> list[str]:
    """Both files that the job runs must lie where it looks for them."""
    job = session.client("glue").get_job(JobName=outputs["MergeJob"])["Job"]
    places = (job["Command"]["ScriptLocation"], job["DefaultArguments"]["--extra-py-files"])
    foreign = [place for place in places if f"/code/{outputs['CodeVersion']}/" not in place]
    if foreign:
        return [f"merge job {outputs['MergeJob']} runs {', '.join(foreign)}: deploy again"]
    for place in places:
        bucket, _, key = place.removeprefix("s3://").partition("/")
        session.client("s3").head_object(Bucket=bucket, Key=key)
    return []


def _mapping_findings(session: Any, outputs: dict[str, str]) -> list[str]:
    if "CaptureRoleArn" not in outputs:
        return []
    function = outputs["Workgroup"] + "-capture"
    mappings = session.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    return [
        f"stream mapping {mapping['UUID']} is {mapping['State']}: {mapping.get('StateTransitionReason', 'no reason')}"
        for mapping in mappings
        if mapping["State"] in ("Disabled", "Disabling")
    ]
