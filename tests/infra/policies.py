"""Decide actions from the rendered roles alone: identity policies, no conditions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tests.infra.template import Rendered


def statements_of(rendered: Rendered, role: str) -> list[dict[str, Any]]:
    """All statements of a role's inline policies, actions and resources as lists."""
    policies = rendered.resources[role]["Properties"]["Policies"]
    return [
        {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def allows(rendered: Rendered, role: str, action: str, arn: str) -> bool:
    """Whether some statement of the role names the action and the resource."""
    return any(
        any(fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        for statement in statements_of(rendered, role)
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
