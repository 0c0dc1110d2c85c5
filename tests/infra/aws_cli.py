"""Check calls of the AWS CLI against the models that botocore carries: service, operation, every option and JSON value."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

SESSION = botocore.session.Session()
# The CLI has options of its own beside the operation's.
_SERVICES = {"s3api": "s3"}
OWN_OPTIONS = frozenset({"region", "profile", "output", "query", "no-cli-pager"})
# `--endpoint` would collide with the CLI's own `--endpoint-url`: it renames the parameter.
_RENAMED = {("sns", "subscribe"): {"endpoint": "notification-endpoint"}}


# In place of the CLI: writes its words to descriptor 3 and answers 0, as where nothing runs.
_TELL = """aws() { printf '%s\\037' aws "$@" >&3; printf '\\036' >&3; echo 0; }\nexec 3>&1 >&2\n"""


def commands_of(script: str) -> list[list[str]]:
    """The calls that a shell block makes of the CLI: bash runs it, without any other program."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", _TELL + script],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 0, script + done.stderr
    return [call.split("\037")[:-1] for call in done.stdout.split("\036")[:-1]]


def mistakes_of(command: list[str]) -> list[str]:
    """What AWS's CLI would refuse in ``aws <service> <operation> --option value …`` before it sends anything."""
    program, service, operation, *rest = command
    service = _SERVICES.get(service, service)
    if program != "aws":
        return [f"{program} is not the AWS CLI"]
    if service not in SESSION.get_available_services():
        return [f"there is no service {service}"]
    model = SESSION.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return [f"{service} has no operation {operation}"]
    shape = model.operation_model(names[operation]).input_shape
    renamed = _RENAMED.get((service, operation), {})
    members = {renamed.get(xform_name(name, "-"), xform_name(name, "-")): name for name in shape.members}
    given = dict(_options(rest))
    unknown = sorted(given.keys() - members.keys() - OWN_OPTIONS)
    missing = sorted(name for name in shape.required_members if xform_name(name, "-") not in given)
    mistakes = [*(f"unknown option --{name}" for name in unknown), *(f"{name} is missing" for name in missing)]
    for option in given.keys() & members.keys():
        mistakes += _value_mistakes(shape.members[members[option]], given[option])
    return mistakes


def run(session: boto3.Session, command: list[str]) -> Any:
    """Make the call of a line that has no mistakes with boto3."""
    _, service, operation, *rest = command
    client = session.client(_SERVICES.get(service, service))
    model = client.meta.service_model
    shape = model.operation_model(
        {xform_name(name, "-"): name for name in model.operation_names}[operation]
    ).input_shape
    renamed = _RENAMED.get((service, operation), {})
    names = {renamed.get(xform_name(name, "-"), xform_name(name, "-")): name for name in shape.members}
    given = {names[option]: value for option, value in _options(rest) if option not in OWN_OPTIONS}
    parameters = {name: _parsed(shape.members[name], text) for name, text in given.items()}
    return getattr(client, operation.replace("-", "_"))(**parameters)


def _parsed(shape: Any, text: str) -> Any:
    """A value as the CLI sends it: JSON, or ``name=value,…`` of a structure."""
    if shape.type_name == "string":
        return text
    if shape.type_name in ("integer", "long") or text[0] in "{[":
        return json.loads(text)
    pairs = dict(part.split("=", 1) for part in text.split(","))
    return {
        name: value == "true" if shape.members[name].type_name == "boolean" else value for name, value in pairs.items()
    }


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    pairs = iter(words)
    for option in pairs:
        assert option.startswith("--"), option
        yield option.removeprefix("--"), next(pairs)


def _value_mistakes(shape: Any, text: str) -> list[str]:
    """Type, enumeration and, of a structure, the names of its members."""
    enum = getattr(shape, "enum", None)
    if enum and text not in enum:
        return [f"{text} is none of {', '.join(enum)}"]
    if shape.type_name == "string" and len(text) > shape.metadata.get("max", len(text)):
        return [f"{text} is longer than {shape.metadata['max']} characters"]
    if shape.type_name not in ("structure", "list", "map"):
        return []
    if text[0] in "{[":
        return [report] if (report := ParamValidator().validate(json.loads(text), shape).generate_report()) else []
    if shape.type_name == "structure":
        parts = [part.partition("=")[0] for part in text.split(",")]
        return [f"{shape.name} has no member {part}" for part in parts if part not in shape.members]
    return []
