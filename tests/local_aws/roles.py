"""Roles for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from include.local_aws.process import RunningLocalAws

Statement = dict[str, Any]


def make_role(
    client: Callable[..., Any], name: str, trusted: str, actions: list[str], resources: list[str] | None = None
) -> str:
    """Create a role trusted by a service (or by the account, `self`) that may take `actions`; returns its ARN."""
    principal = {"AWS": "arn:aws:iam::000000000000:root"} if trusted == "self" else {"Service": trusted}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": actions, "Resource": resources or ["*"]}
    iam = client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document(rights))
    return arn


def document(*statements: Statement) -> str:
    """A policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: list[str], *resources: str) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def decisions(running: RunningLocalAws, role: str) -> set[tuple[str, str, bool]]:
    """Action, resource and answer of everything that was decided for a role."""
    found = running.ask("GET", "/_local/decisions")["decisions"]
    return {(one["action"], one["resource"], one["allowed"]) for one in found if one["principal"] == role}
