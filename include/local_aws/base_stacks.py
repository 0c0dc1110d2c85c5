"""What `stacks` needs of the base's CloudFormation: its records of stacks, its parser, its events."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from ministack.core.responses import request_scope
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, helpers
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


def new_resources(parameters: Json, template: Json, account: str, region: str) -> Iterator[tuple[str, str, Json]]:
    """Logical id, type and properties of what a request adds to its stack; a property that names others stays as it is.

    What a change set imports is not added.
    """
    name = str(parameters.get("StackName", ""))
    stack = STACKS.get_scoped(account, region, name) or {}
    present = {} if stack.get("StackStatus") in (None, "DELETE_COMPLETE") else stack["_resources"]
    given = helpers._extract_members({key: [value] for key, value in parameters.items()}, "Parameters")
    imported = {value for key, value in parameters.items() if key.startswith("ResourcesToImport")}
    with request_scope(account, region):
        values = engine._resolve_parameters(template, given, stack.get("_resolved_params", {}))
        conditions = engine._evaluate_conditions(template, values)
        for logical_id, resource in template["Resources"].items():
            if logical_id in present or logical_id in imported or not conditions.get(resource.get("Condition"), True):
                continue
            properties = {
                key: _resolved(value, values, conditions, name) for key, value in resource.get("Properties", {}).items()
            }
            yield logical_id, resource["Type"], properties


def _resolved(value: object, values: Json, conditions: Json, stack: str) -> object:
    try:
        return engine._resolve_refs(copy.deepcopy(value), {}, values, conditions, {}, stack, "")
    except Exception:
        return value


def fail_change_set(name: str, stack: str, account: str, region: str, reason: str) -> None:
    """Let a change set that was accepted end as failed, as AWS's early validation does."""
    with request_scope(account, region):
        _, change_set = changesets._find_change_set(name, stack)
        change_set |= {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": reason, "Changes": []}


def add_event(stack: Json, account: str, region: str, logical_id: str, status: str, reason: str) -> None:
    """Record one event of a resource, as the base records its own."""
    kind = stack["_resources"][logical_id]["ResourceType"]
    with request_scope(account, region):
        base_stacks._add_event(stack["StackId"], stack["StackName"], logical_id, kind, status, reason)
