"""Create, update or fill one stack through a change set, shown before it is executed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.deploy.failures import read_failures
from include.deploy.stack import (
    Say,
    StackBusyError,
    StackError,
    newest_event,
    polls,
    read_stack,
    require_settled,
    wait_for_stack,
)

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ResourceChangeTypeDef,
        ResourceToImportTypeDef,
        StackTypeDef,
    )

CHANGE_SET_CEILING_S = 300.0
_REPLACEMENTS = {"True": " (replacement)", "Conditional": " (replacement, depending on the new values)"}
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class WantedStack:
    """A stack as it shall be. With ``imports`` these resources, which exist, become its first ones: ``template`` has no others."""

    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    imports: tuple[ResourceToImportTypeDef, ...] = ()


@dataclass(frozen=True)
class _ChangeSet:
    """A finished change set; where nothing would change there is none, and ``lines`` is empty."""

    name: str
    present: StackTypeDef | None
    lines: tuple[str, ...]


def deploy_stack(cloudformation: CloudFormationClient, wanted: WantedStack, say: Say) -> StackTypeDef:
    """Bring the stack to what is wanted and return its description.

    Raises:
        StackError: a resource failed (its reason is in the message), or the stack's state admits no change.
        StackBusyError: another change is running, or a ceiling is reached.
    """
    change = _create_change_set(cloudformation, wanted)
    if change.present is not None and not change.lines:
        say(f"stack {wanted.name}: no change")
        return change.present
    for line in change.lines:
        say(line)
    seen = newest_event(cloudformation, wanted.name)
    # What a failed first creation made is removed again, Retain or not: it holds nothing yet and would be in the way.
    # What is imported was there before.
    cloudformation.execute_change_set(
        StackName=wanted.name, ChangeSetName=change.name, RetainExceptOnCreate=not wanted.imports
    )
    return wait_for_stack(cloudformation, wanted.name, seen, say)


def preview_stack(cloudformation: CloudFormationClient, wanted: WantedStack) -> list[str]:
    """Return what ``deploy_stack`` would change in a stack that exists, and change nothing; empty where nothing would.

    Raises:
        StackError, StackBusyError: as ``deploy_stack`` does.
    """
    change = _create_change_set(cloudformation, wanted)
    if change.lines:
        cloudformation.delete_change_set(StackName=wanted.name, ChangeSetName=change.name)
    return list(change.lines)


def _create_change_set(cloudformation: CloudFormationClient, wanted: WantedStack) -> _ChangeSet:
    """Make the change set and wait until it is finished; one without a change is gone again."""
    present = read_stack(cloudformation, wanted.name)
    if present is not None:
        require_settled(present)
    name = f"deploy-{uuid.uuid4().hex}"
    _request(cloudformation, name, wanted, exists=present is not None)
    described = _wait_for_change_set(cloudformation, wanted.name, name)
    if described["Status"] != "FAILED":
        return _ChangeSet(name, present, tuple(_change_lines(described)))
    reason = described.get("StatusReason", "no reason given")
    unchanged = present is not None and any(text in reason for text in _NO_CHANGE)
    reasons = [] if unchanged else read_failures(cloudformation, wanted.name, name) or [reason]
    cloudformation.delete_change_set(StackName=wanted.name, ChangeSetName=name)
    if not unchanged:
        raise StackError(f"change set of {wanted.name} was refused: {'; '.join(reasons)}")
    return _ChangeSet(name, present, ())


def _request(cloudformation: CloudFormationClient, name: str, wanted: WantedStack, *, exists: bool) -> None:
    """An import takes no tags: the update after it brings them."""
    request: dict[str, Any] = {
        "StackName": wanted.name,
        "ChangeSetName": name,
        "TemplateBody": wanted.template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.parameters.items()],
    }
    if wanted.imports:
        request |= {"ChangeSetType": "IMPORT", "ResourcesToImport": wanted.imports}
    else:
        request["ChangeSetType"] = "UPDATE" if exists else "CREATE"
        request["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())]
        request["Capabilities"] = ["CAPABILITY_NAMED_IAM"]
    cloudformation.create_change_set(**request)


def _wait_for_change_set(cloudformation: CloudFormationClient, stack: str, name: str) -> DescribeChangeSetOutputTypeDef:
    for _ in polls(CHANGE_SET_CEILING_S):
        described = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return described
    raise StackBusyError(f"change set of {stack} was not ready after {CHANGE_SET_CEILING_S:.0f} s: deploy again")


def _change_lines(described: DescribeChangeSetOutputTypeDef) -> list[str]:
    changes = [change["ResourceChange"] for change in described.get("Changes", []) if "ResourceChange" in change]
    added = [change for change in changes if change["Action"] == "Add"]
    lines = [f"  {len(added)} resources to create"] if added else []
    for change in changes:
        if change["Action"] != "Add":
            replaced = _REPLACEMENTS.get(change.get("Replacement", ""), "")
            lines.append(f"  {change['Action'].lower()} {change['LogicalResourceId']}{_changed(change)}{replaced}")
    # Settings of the stack itself, such as its outputs, name no resource.
    return lines or ["  the stack's own settings"]


def _changed(change: ResourceChangeTypeDef) -> str:
    """The properties that differ, as CloudFormation names them."""
    targets = [detail.get("Target", {}) for detail in change.get("Details", [])]
    names = sorted({target.get("Name") or target.get("Attribute", "") for target in targets} - {""})
    return f": {', '.join(names)}" if names else ""
