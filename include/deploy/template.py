"""The template as CloudFormation gets it: compact JSON, without what only people and linters read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from include.dynamo_lake.errors import TerminalError

TEMPLATE = Path("include/infra/pipeline.yaml")
# CloudFormation takes no more in one request.
LIMIT_BYTES = 51_200


class TemplateTooLargeError(TerminalError):
    """CloudFormation would refuse the template."""


def parse_template(text: str) -> dict[str, Any]:
    """A template's text with its short forms as ``{"Ref": …}`` and ``{"Fn::…": …}``."""
    template: dict[str, Any] = yaml.load(text, _Loader)
    return template


def read_template_body(root: Path) -> str:
    """The template as it is sent; as JSON it is an eighth shorter than as YAML without comments.

    Raises:
        TemplateTooLargeError: CloudFormation would refuse it; nothing is changed yet.
    """
    template = parse_template((root / TEMPLATE).read_text())
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
    body = json.dumps(template, separators=(",", ":"))
    if len(body.encode()) > LIMIT_BYTES:
        raise TemplateTooLargeError(
            f"{TEMPLATE} has {len(body.encode())} bytes as JSON, CloudFormation takes {LIMIT_BYTES}: shorten its "
            "descriptions, or give what was added a stack of its own"
        )
    return body


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML with CloudFormation's short forms."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)
