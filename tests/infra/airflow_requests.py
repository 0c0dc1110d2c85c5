"""Check requests to Airflow that go through ``mwaa invoke-rest-api`` against the OpenAPI description that Airflow carries."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import airflow
import yaml
from jsonschema import Draft202012Validator

PREFIX = "/api/v2"


def request_mistakes_of(command: list[str]) -> list[str]:
    """What Airflow would refuse in ``aws mwaa invoke-rest-api --path … --method …``: path, parameters, body."""
    options = dict(zip(command[3::2], command[4::2], strict=True))
    path, method = options["--path"], options["--method"].lower()
    known = [item for template, item in _api()["paths"].items() if re.fullmatch(_pattern(template), PREFIX + path)]
    operations = [item[method] for item in known if method in item]
    if not operations:
        return [f"Airflow has no {method.upper()} {path}"]
    parameters = {one["name"] for one in operations[0].get("parameters", []) if one["in"] == "query"}
    given = json.loads(options.get("--query-parameters", "{}"))
    return [
        *sorted(f"no parameter {name}" for name in given.keys() - parameters),
        *_body_mistakes(operations[0], options),
    ]


def _body_mistakes(operation: dict[str, Any], options: dict[str, str]) -> list[str]:
    wanted = operation.get("requestBody")
    if wanted is None:
        return [] if "--body" not in options else ["takes no body"]
    schema = {**wanted["content"]["application/json"]["schema"], "components": _api()["components"]}
    body = json.loads(options.get("--body", "null"))
    return [error.message for error in Draft202012Validator(schema).iter_errors(body)]


def _pattern(template: str) -> str:
    return re.sub(r"\{\w+\}", "[^/]+", template)


@cache
def _api() -> dict[str, Any]:
    file = Path(airflow.__file__).parent / "api_fastapi/core_api/openapi/v2-rest-api-generated.yaml"
    read: dict[str, Any] = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    return read
