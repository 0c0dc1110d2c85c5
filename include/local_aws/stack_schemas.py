"""Property names, required ones and attributes of the resource types that stacks here may hold.

`stack_schemas.json` is drawn from the resource schemas that cfn-lint carries:
`python -m include.local_aws.stack_schemas` in an environment that has cfn-lint writes it anew.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

TYPES = (
    "AWS::Athena::WorkGroup",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::Glue::Crawler",
    "AWS::Glue::Database",
    "AWS::Glue::Job",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
)
PATH = Path(__file__).with_suffix(".json")
_DEEPEST = 8


@cache
def load_schemas() -> dict[str, dict[str, Any]]:
    """By type: `properties` (names nested, null where anything goes), `required` and `attributes`."""
    found: dict[str, dict[str, Any]] = json.loads(PATH.read_text())
    return found


def build_schemas() -> dict[str, dict[str, Any]]:
    """Draw the names out of cfn-lint's schemas."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    built: dict[str, dict[str, Any]] = {}
    for kind in TYPES:
        found = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind)
        schema = found.schema
        read_only = [
            path.removeprefix("/properties/").replace("/", ".") for path in schema.get("readOnlyProperties", [])
        ]
        properties = _names(schema, schema, 0) or {}
        for name in read_only:
            properties.pop(name, None)
        built[kind] = {
            "properties": properties,
            "required": sorted(set(schema.get("required", [])) - set(read_only)),
            "attributes": sorted(found.get_atts),
        }
    return built


def _names(node: dict[str, Any], root: dict[str, Any], depth: int) -> dict[str, Any] | None:
    """Nested property names of a schema node; None for a scalar or a free-form object."""
    if "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _names(target, root, depth)
    if "items" in node:
        return _names(node["items"], root, depth)
    if "properties" not in node or depth == _DEEPEST:
        return None
    return {name: _names(one, root, depth + 1) for name, one in sorted(node["properties"].items())}


if __name__ == "__main__":
    PATH.write_text(json.dumps(build_schemas(), separators=(",", ":"), sort_keys=True) + "\n")
