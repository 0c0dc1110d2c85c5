"""Roles for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def make_role(
    client: Callable[..., Any], name: str, trusted: str, actions: list[str], resources: list[str] | None = None
) -> str:
    """Create a role trusted by a service (or by the account, `self`) that may take `actions`; returns its ARN."""
    principal = {"AWS": "arn:aws:iam::000000000000:root"} if trusted == "self" else {"Service": trusted}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": actions, "Resource": resources or ["*"]}
    iam = client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=_document(rights))
    return arn


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
