"""The CloudFormation template as data: raw, and rendered for one set of parameters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from include.deploy.template import TEMPLATE, parse_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE_PATH = ROOT / TEMPLATE

ACCOUNT, REGION = "111122223333", "eu-central-1"
PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}
PARAMETERS = {
    "Pipeline": "two_words",
    "Slug": "two-words",
    "Target": "rows",
    "MainTableName": "Orders",
    "MainHashKey": "customer",
    "MainHashKeyType": "S",
    "MainRangeKey": "placed",
    "MainRangeKeyType": "N",
    "LookupTableName": "Products",
    "LookupHashKey": "product",
    "MainStreamArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders/stream/2026-11-24T02:00:00.000",
    "LookupStreamArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Products/stream/2026-11-24T02:00:00.000",
    "MainTableKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/orders",
    "LookupTableKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/products",
    "BucketName": f"two-words-lake-{ACCOUNT}-{REGION}",
    "CodeVersion": "0" * 64,
    "AirflowPrincipal": f"arn:aws:iam::{ACCOUNT}:role/mwaa",
    "ReaderPrincipal": f"arn:aws:iam::{ACCOUNT}:role/analysts",
}
WITHOUT_LOOKUP = {key: value for key, value in PARAMETERS.items() if not key.startswith("Lookup")}
WITHOUT_CAPTURE = {key: value for key, value in PARAMETERS.items() if not key.endswith("StreamArn")}

_NAME_PROPERTIES = (
    "TableName", "BucketName", "RoleName", "QueueName", "TopicName", "AlarmName", "LogGroupName", "AliasName",
    "FunctionName", "Name",
)  # fmt: skip
_NO_VALUE = object()


def read_template() -> dict[str, Any]:
    """Load the template with its short forms as ``{"Ref": …}`` and ``{"Fn::…": …}``."""
    return parse_template(TEMPLATE_PATH.read_text())


class Rendered:
    """The template with conditions decided and functions resolved."""

    def __init__(self, parameters: dict[str, str]) -> None:
        raw = read_template()
        defaults = {name: str(p["Default"]) for name, p in raw["Parameters"].items() if "Default" in p}
        self._values = {**defaults, **parameters, **PSEUDO}
        self._conditions = raw["Conditions"]
        self._raw = {name: body for name, body in raw["Resources"].items() if self._present(body)}
        self.resources = {name: self._resolve(body) for name, body in self._raw.items()}
        self.outputs = {
            name: self._resolve(body["Value"]) for name, body in raw["Outputs"].items() if self._present(body)
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Properties by logical id of the resources of one type."""
        return {name: body["Properties"] for name, body in self.resources.items() if body["Type"] == kind}

    def name_of(self, logical_id: str) -> str:
        """The physical name that the template gives a resource; '' where it gives none."""
        properties = self._raw[logical_id].get("Properties", {})
        named = {**properties.get("DatabaseInput", {}), **properties}
        return next((self._resolve(named[key]) for key in _NAME_PROPERTIES if key in named), "")

    def arn_of(self, logical_id: str) -> str:
        kind, name = self._raw[logical_id]["Type"], self.name_of(logical_id)
        place = f"{REGION}:{ACCOUNT}"
        return {
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            "AWS::KMS::Key": f"arn:aws:kms:{place}:key/{logical_id}",
            "AWS::SNS::Topic": f"arn:aws:sns:{place}:{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{place}:{name}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{place}:log-group:{name}:*",
        }[kind]

    def _present(self, body: dict[str, Any]) -> bool:
        return "Condition" not in body or self._holds(body["Condition"])

    def _holds(self, name: str) -> bool:
        return self._decide(self._conditions[name])

    def _decide(self, expression: dict[str, Any]) -> bool:
        ((function, value),) = expression.items()
        if function == "Condition":
            return self._holds(value)
        if function == "Fn::Equals":
            left, right = (self._resolve(side) for side in value)
            return bool(left == right)
        if function == "Fn::Not":
            return not self._decide(value[0])
        if function == "Fn::Or":
            return any(self._decide(part) for part in value)
        assert function == "Fn::And", function
        return all(self._decide(part) for part in value)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in (self._resolve(part) for part in value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._apply(function, argument)
        return {key: self._resolve(part) for key, part in value.items()}

    def _apply(self, function: str, argument: Any) -> Any:
        if function == "Ref":
            if argument == "AWS::NoValue":
                return _NO_VALUE
            return self._values[argument] if argument in self._values else self.name_of(argument)
        if function == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda found: self._substitute(found[1]), argument)
        if function == "Fn::If":
            return self._resolve(argument[1] if self._holds(argument[0]) else argument[2])
        if function == "Fn::Join":
            return argument[0].join(self._resolve(argument[1]))
        assert function == "Fn::GetAtt", function
        logical_id, attribute = argument
        return self.name_of(logical_id) if attribute == "QueueName" else self.arn_of(logical_id)

    def _substitute(self, name: str) -> str:
        if name.endswith(".Arn"):
            return self.arn_of(name.removesuffix(".Arn"))
        return str(self._apply("Ref", name))
