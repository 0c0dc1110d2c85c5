"""What `stacks` needs of the base's CloudFormation: its records of stacks, its parser, its events."""

from __future__ import annotations

from ministack.core.responses import request_scope
from ministack.services import cloudformation
from ministack.services.cloudformation import engine
from ministack.services.cloudformation import stacks as base_stacks

from include.local_aws.calls import AwsError, Json

STACKS = cloudformation._stacks


def parse_template(text: str) -> Json:
    """Read JSON or YAML with CloudFormation's short forms. Raises ValidationError."""
    try:
        template: Json = engine._parse_template(text)
    except Exception as error:
        raise AwsError("ValidationError", f"Template format error: {error}") from None
    return template


def add_event(stack: Json, account: str, region: str, logical_id: str, status: str, reason: str) -> None:
    """Record one event of a resource, as the base records its own."""
    kind = stack["_resources"][logical_id]["ResourceType"]
    with request_scope(account, region):
        base_stacks._add_event(stack["StackId"], stack["StackName"], logical_id, kind, status, reason)
