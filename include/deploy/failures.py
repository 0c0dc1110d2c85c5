"""Read why a stack's last operation failed: the resources at fault, not what was cancelled with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import DescribeEventsInputPaginateTypeDef, OperationEventTypeDef


def read_failures(cloudformation: CloudFormationClient, stack: str, change_set: str | None = None) -> list[str]:
    """Return ``resource: reason`` of each failure of a stack's newest operation, or of a change set, oldest first.

    Empty where AWS blames no resource.
    """
    request: DescribeEventsInputPaginateTypeDef = {"StackName": stack, "Filters": {"FailedEvents": True}}
    if change_set is not None:
        request["ChangeSetName"] = change_set
    events: list[OperationEventTypeDef] = []
    for page in cloudformation.get_paginator("describe_events").paginate(**request):
        events += page["OperationEvents"]
    newest = events[0].get("OperationId") if events else None
    lines = [_line(event) for event in reversed(events) if event.get("OperationId") == newest]
    return [line for line in lines if line]


def _line(event: OperationEventTypeDef) -> str:
    """One failure; empty for the stack's own events, and for what was only cancelled."""
    if event.get("ResourceType") == "AWS::CloudFormation::Stack":
        return ""
    reason = event.get("ValidationStatusReason") or event.get("ResourceStatusReason", "")
    return "" if "cancelled" in reason else f"{event.get('LogicalResourceId', 'stack')}: {reason}"
