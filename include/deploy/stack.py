"""One stack: read, followed until it has changed, deleted; every wait has a ceiling, every failure its resource's reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from include.deploy.failures import read_failures
from include.dynamo_lake.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

Say = Callable[[str], None]

STACK_CEILING_S = 1800.0
_CREATABLE = frozenset({"REVIEW_IN_PROGRESS"})
# Not while it cleans up after an update: until then it takes no other.
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_STUCK = frozenset(
    ["CREATE_FAILED", "DELETE_FAILED"]
    + [f"{kind}ROLLBACK_{end}" for kind in ("", "IMPORT_") for end in ("COMPLETE", "FAILED")]
)


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
    seen = newest_event(cloudformation, stack_id)
    cloudformation.delete_stack(StackName=stack_id)
    for _ in polls(STACK_CEILING_S):
        status = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        if status == "DELETE_COMPLETE":
            say(f"stack {name}: DELETE_COMPLETE")
            return
        # Until the deletion has an event the stack may still show how the one before it ended.
        if status == "DELETE_FAILED" and newest_event(cloudformation, stack_id) != seen:
            raise StackError(f"stack {name} ended as {status}: {'; '.join(read_failures(cloudformation, name))}")
    raise StackBusyError(f"stack {name} is still being deleted after {STACK_CEILING_S / 60:.0f} minutes: run it again")


def require_settled(stack: StackTypeDef) -> None:
    """Refuse a stack that cannot be updated now: StackError, or StackBusyError while somebody else changes it."""
    name, status = stack["StackName"], stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_FAILED":
        raise StackError(f"stack {name} is {status}: mend what its events name, then continue-update-rollback")
    if status in _STUCK:
        raise StackError(
            f"stack {name} is {status}: its creation or deletion failed and it cannot be updated; delete it "
            f"(`aws cloudformation delete-stack --stack-name {name}`), then deploy again"
        )
    if status.endswith("_IN_PROGRESS"):
        raise StackBusyError(f"stack {name} is {status}: wait for that change to end, then deploy again")


def wait_for_stack(cloudformation: CloudFormationClient, name: str, seen: str | None, say: Say) -> StackTypeDef:
    """Follow a change begun after the event ``seen``, with a line for each failure and every minute.

    Raises:
        StackError: it ended otherwise than asked (each resource's reason is in the message).
        StackBusyError: the ceiling is reached.
    """
    blamed: list[str] = []
    done, told, started, begun = 0, 0, time.monotonic(), False
    for _ in polls(STACK_CEILING_S):
        fresh = _events_since(cloudformation, name, seen)
        # Until the change has an event the stack may still show how the one before it ended.
        begun = begun or bool(fresh)
        if not begun:
            continue
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        seen = fresh[-1]["EventId"] if fresh else seen
        events = [event for event in fresh if event["LogicalResourceId"] != name]
        done += sum(event["ResourceStatus"].endswith("_COMPLETE") for event in events)
        for failed in (event for event in events if event["ResourceStatus"].endswith("_FAILED")):
            blamed.append(f"{failed['LogicalResourceId']}: {failed.get('ResourceStatusReason', 'no reason given')}")
            say(f"  {blamed[-1]}")
        status = stack["StackStatus"]
        if status in _DONE:
            say(f"stack {name}: {status}")
            return stack
        if not status.endswith("_IN_PROGRESS"):
            own = [stack.get("StackStatusReason", "no reason given")]
            reasons = read_failures(cloudformation, name) or blamed or own
            raise StackError(f"stack {name} ended as {status}: {'; '.join(reasons)}")
        minutes = int((time.monotonic() - started) / 60)
        if minutes > told:
            told = minutes
            say(f"stack {name}: {status} after {minutes} minutes, {done} resources done")
    raise StackBusyError(
        f"stack {name} is still changing after {STACK_CEILING_S / 60:.0f} minutes: follow its events, then deploy again"
    )


def polls(ceiling_s: float) -> Iterator[None]:
    """Yield at growing distances (0.1 to 5 s) until the ceiling: quick on a laptop, gentle on AWS."""
    deadline, pause_s = time.monotonic() + ceiling_s, 0.1
    while time.monotonic() < deadline:
        yield
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 5.0)


def newest_event(cloudformation: CloudFormationClient, name: str) -> str | None:
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
