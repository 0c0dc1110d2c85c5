"""Create or update one stack through a change set, with progress, a ceiling and the failing resource's reason."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from include.deploy.failures import read_failures
from include.dynamo_lake.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
    )

Say = Callable[[str], None]

CHANGE_SET_CEILING_S = 300.0
STACK_CEILING_S = 1800.0
_CAPABILITIES: tuple[Literal["CAPABILITY_NAMED_IAM"], ...] = ("CAPABILITY_NAMED_IAM",)
_CREATABLE = frozenset({"REVIEW_IN_PROGRESS"})
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")


class StackError(TerminalError):
    """The stack could not be created or updated."""


class StackBusyError(TransientError):
    """Somebody else is changing the stack, or a change takes longer than its ceiling."""


def read_stack(cloudformation: CloudFormationClient, name: str) -> StackTypeDef | None:
    """Describe the stack; None where there is none, or nothing of it was ever created."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return None if stack["StackStatus"] in _CREATABLE else stack


def read_outputs(stack: StackTypeDef) -> dict[str, str]:
    """Output values by key."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def read_parameters(stack: StackTypeDef) -> dict[str, str]:
    """Present parameter values by key."""
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}


def deploy_stack(
    cloudformation: CloudFormationClient,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    say: Say,
) -> StackTypeDef:
    """Bring the stack to ``template`` and ``parameters`` and return its description.

    Raises:
        StackError: a resource failed (its reason is in the message), or the stack's state admits no change.
        StackBusyError: another change is running, or a ceiling is reached.
    """
    present, change_set, described = _create_change_set(cloudformation, name, template, parameters, tags)
    if present is not None and described["Status"] == "FAILED":
        say(f"stack {name}: no change")
        return present
    for line in _change_lines(described):
        say(line)
    seen = _newest_event(cloudformation, name)
    # What a failed first creation made is removed again, Retain or not: it holds nothing yet and would be in the way.
    cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set, RetainExceptOnCreate=True)
    return _wait_for_stack(cloudformation, name, seen, say)


def preview_stack(
    cloudformation: CloudFormationClient,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
) -> list[str]:
    """Return what ``deploy_stack`` would change in a stack that exists, and change nothing; empty where nothing would.

    Raises:
        StackError, StackBusyError: as ``deploy_stack`` does.
    """
    _, change_set, described = _create_change_set(cloudformation, name, template, parameters, tags)
    if described["Status"] == "FAILED":
        return []
    cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
    return _change_lines(described)


def _create_change_set(
    cloudformation: CloudFormationClient,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
) -> tuple[StackTypeDef | None, str, DescribeChangeSetOutputTypeDef]:
    """The stack, and a finished change set of it with its name; where nothing changes it is ``FAILED``, and gone."""
    present = read_stack(cloudformation, name)
    if present is not None:
        require_settled(present)
    change_set = f"deploy-{uuid.uuid4().hex}"
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=change_set,
        ChangeSetType="CREATE" if present is None else "UPDATE",
        TemplateBody=template,
        Parameters=_as_parameters(parameters),
        Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
        Capabilities=_CAPABILITIES,
    )
    described = _wait_for_change_set(cloudformation, name, change_set)
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "no reason given")
        unchanged = present is not None and any(text in reason for text in _NO_CHANGE)
        reasons = [] if unchanged else read_failures(cloudformation, name, change_set) or [reason]
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        if not unchanged:
            raise StackError(f"change set of {name} was refused: {'; '.join(reasons)}")
    return present, change_set, described


def delete_stack(cloudformation: CloudFormationClient, name: str, say: Say) -> None:
    """Delete a stack; what its template retains stays. A stack that is gone already is no error.

    Raises:
        StackError: a resource could not be deleted (its reason is in the message).
        StackBusyError: a change is running, or the ceiling is reached.
    """
    stack = read_stack(cloudformation, name)
    if stack is None:
        say(f"stack {name}: there is none")
        return
    if stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "DELETE_IN_PROGRESS":
        require_settled(stack)
    stack_id = stack["StackId"]
    cloudformation.delete_stack(StackName=stack_id)
    for _ in _polls(STACK_CEILING_S):
        status = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        if status == "DELETE_COMPLETE":
            say(f"stack {name}: DELETE_COMPLETE")
            return
        if status == "DELETE_FAILED":
            raise StackError(f"stack {name} ended as {status}: {'; '.join(read_failures(cloudformation, name))}")
    raise StackBusyError(f"stack {name} is still being deleted after {STACK_CEILING_S / 60:.0f} minutes: run it again")


def _as_parameters(parameters: Mapping[str, str]) -> list[ParameterTypeDef]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())]


def require_settled(stack: StackTypeDef) -> None:
    """Refuse a stack that cannot be updated now: StackError, or StackBusyError while somebody else changes it."""
    name, status = stack["StackName"], stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        raise StackError(f"stack {name} is {status}: mend what its events name, then continue-update-rollback")
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        raise StackError(
            f"stack {name} is {status}: its creation or deletion failed and it cannot be updated; delete it "
            f"(`aws cloudformation delete-stack --stack-name {name}`), then deploy again"
        )
    if status.endswith("_IN_PROGRESS"):
        raise StackBusyError(f"stack {name} is {status}: wait for that change to end, then deploy again")


def _wait_for_change_set(
    cloudformation: CloudFormationClient, name: str, change_set: str
) -> DescribeChangeSetOutputTypeDef:
    for _ in _polls(CHANGE_SET_CEILING_S):
        described = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return described
    raise StackBusyError(f"change set of {name} was not ready after {CHANGE_SET_CEILING_S:.0f} s: deploy again")


def _wait_for_stack(cloudformation: CloudFormationClient, name: str, seen: str | None, say: Say) -> StackTypeDef:
    blamed: list[str] = []
    for _ in _polls(STACK_CEILING_S):
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        events = _events_since(cloudformation, name, seen)
        for event in events:
            if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != name:
                blamed.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}")
                say(f"  {blamed[-1]}")
        seen = events[-1]["EventId"] if events else seen
        status = stack["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"):
            say(f"stack {name}: {status}")
            return stack
        if not status.endswith("_IN_PROGRESS"):
            reasons = (
                read_failures(cloudformation, name) or blamed or [stack.get("StackStatusReason", "no reason given")]
            )
            raise StackError(f"stack {name} ended as {status}: {'; '.join(reasons)}")
    raise StackBusyError(
        f"stack {name} is still changing after {STACK_CEILING_S / 60:.0f} minutes: follow its events, then deploy again"
    )


def _polls(ceiling_s: float) -> Iterator[None]:
    """Yield at growing distances (0.1 to 5 s) until the ceiling: quick on a laptop, gentle on AWS."""
    deadline, pause_s = time.monotonic() + ceiling_s, 0.1
    while time.monotonic() < deadline:
        yield
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 5.0)


def _change_lines(described: DescribeChangeSetOutputTypeDef) -> list[str]:
    changes = [change["ResourceChange"] for change in described.get("Changes", []) if "ResourceChange" in change]
    added = [change for change in changes if change["Action"] == "Add"]
    lines = [f"  {len(added)} resources to create"] if added else []
    for change in changes:
        if change["Action"] != "Add":
            replaced = " (replacement)" if change.get("Replacement") == "True" else ""
            lines.append(f"  {change['Action'].lower()} {change['LogicalResourceId']}{replaced}")
    return lines


def _newest_event(cloudformation: CloudFormationClient, name: str) -> str | None:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return events[0]["EventId"] if events else None


def _events_since(cloudformation: CloudFormationClient, name: str, seen: str | None) -> list[StackEventTypeDef]:
    """Events after ``seen``, oldest first."""
    fresh: list[StackEventTypeDef] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            if event["EventId"] == seen:
                return fresh[::-1]
            fresh.append(event)
    return fresh[::-1]
