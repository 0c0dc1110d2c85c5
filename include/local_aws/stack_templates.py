"""Refuse what CloudFormation refuses in a template, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from include.local_aws.calls import AwsError, Json
from include.local_aws.stack_schemas import load_schemas

_SECTIONS = frozenset([
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
])
_RESOURCE_KEYS = frozenset([
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
])
_PSEUDO = frozenset(
    f"AWS::{name}"
    for name in ["AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix"]
)
_SUB_NAME = re.compile(r"\$\{([^!}][^}]*)\}")


def check_template(template: Json) -> None:
    """Raise ValidationError naming every fault: types, properties, references, conditions."""
    faults = list(_faults(template))
    if faults:
        raise AwsError("ValidationError", "Template format error: " + "; ".join(faults))


def check_parameters(template: Json, given: Iterable[str]) -> None:
    """Raise ValidationError naming the parameters that a request gives and the template has not."""
    unknown = [name for name in given if name not in (template.get("Parameters") or {})]
    if unknown:
        raise AwsError("ValidationError", f"Parameters: [{', '.join(unknown)}] do not exist in the template")


def _faults(template: Json) -> Iterator[str]:
    for section in template.keys() - _SECTIONS:
        yield f"unknown section {section}"
    resources = template.get("Resources")
    if not resources:
        yield "at least one Resources member must be defined"
        return
    for logical_id, resource in resources.items():
        yield from _resource_faults(logical_id, resource, template)
    for name, output in (template.get("Outputs") or {}).items():
        yield from _reference_faults(f"Outputs/{name}", output, template)
    for name, condition in (template.get("Conditions") or {}).items():
        yield from _reference_faults(f"Conditions/{name}", condition, template)


def _resource_faults(logical_id: str, resource: Json, template: Json) -> Iterator[str]:
    place = f"Resources/{logical_id}"
    for key in resource.keys() - _RESOURCE_KEYS:
        yield f"{place}: unknown attribute {key}"
    kind = resource.get("Type")
    schema = load_schemas().get(str(kind))
    if schema is None:
        yield f"{place}: unrecognized resource type {kind}"
        return
    properties = resource.get("Properties") or {}
    yield from _property_faults(place, properties, schema["properties"])
    for name in schema["required"]:
        if name not in properties:
            yield f"{place}: required property {name} is missing"
    needed = resource.get("DependsOn") or []
    for other in [needed] if isinstance(needed, str) else needed:
        if other not in template["Resources"]:
            yield f"{place}: DependsOn names {other}, which is no resource"
    condition = resource.get("Condition")
    if condition is not None and condition not in (template.get("Conditions") or {}):
        yield f"{place}: Condition names {condition}, which is not defined"
    yield from _reference_faults(place, properties, template)


def _property_faults(place: str, value: Any, names: Json | None) -> Iterator[str]:
    """Names that the type does not have, through lists and the branches of Fn::If."""
    if names is None:
        return
    if isinstance(value, list):
        for one in value:
            yield from _property_faults(place, one, names)
    elif isinstance(value, dict) and (intrinsic := _intrinsic(value)):
        if intrinsic == "Fn::If":
            for branch in value["Fn::If"][1:]:
                yield from _property_faults(place, branch, names)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in names:
                yield f"{place}: unknown property {name} (known: {', '.join(sorted(names))})"
            else:
                yield from _property_faults(f"{place}/{name}", inner, names[name])


def _reference_faults(place: str, value: Any, template: Json) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _reference_faults(place, one, template)
        return
    if not isinstance(value, dict):
        return
    intrinsic = _intrinsic(value)
    if intrinsic is not None:
        fault = _intrinsic_fault(intrinsic, value[intrinsic], template)
        if fault:
            yield f"{place}: {fault}"
    for inner in value.values():
        yield from _reference_faults(place, inner, template)


def _intrinsic(value: Json) -> str | None:
    if len(value) != 1:
        return None
    (name,) = value
    return name if name in ("Ref", "Condition") or name.startswith("Fn::") else None


def _intrinsic_fault(intrinsic: str, argument: Any, template: Json) -> str | None:
    if intrinsic == "Ref":
        return _ref_fault(str(argument), template)
    if intrinsic == "Fn::GetAtt":
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        return _attribute_fault(str(parts[0]), str(parts[1]), template)
    if intrinsic == "Fn::Sub":
        return _sub_fault(argument, template)
    return _name_fault(intrinsic, argument, template)


def _name_fault(intrinsic: str, argument: Any, template: Json) -> str | None:
    """A condition or mapping that is not defined."""
    sections = {"Fn::If": "Conditions", "Condition": "Conditions", "Fn::FindInMap": "Mappings"}
    section = sections.get(intrinsic)
    name = argument if intrinsic == "Condition" else argument[0] if section else None
    if section is None or not isinstance(name, str) or name in (template.get(section) or {}):
        return None
    return f"{intrinsic} names {name}, which is not among the {section}"


def _ref_fault(name: str, template: Json) -> str | None:
    known = (template.get("Parameters") or {}).keys() | template["Resources"].keys() | _PSEUDO
    return None if name in known else f"unresolved resource dependency: Ref names {name}"


def _attribute_fault(logical_id: str, attribute: str, template: Json) -> str | None:
    resource = template["Resources"].get(logical_id)
    if resource is None:
        return f"unresolved resource dependency: Fn::GetAtt names {logical_id}"
    schema = load_schemas().get(str(resource.get("Type")))
    if schema is not None and attribute not in schema["attributes"]:
        return f"{resource['Type']} {logical_id} has no attribute {attribute}"
    return None


def _sub_fault(argument: Any, template: Json) -> str | None:
    text, own = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    for name in _SUB_NAME.findall(text):
        logical_id, dot, attribute = name.partition(".")
        if name in own:
            continue
        fault = _attribute_fault(logical_id, attribute, template) if dot else _ref_fault(name, template)
        if fault:
            return f"Fn::Sub: {fault}"
    return None
