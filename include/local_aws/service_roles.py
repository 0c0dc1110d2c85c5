"""Let an AWS service take a role, as Glue does for its jobs and crawlers: the role's trust policy decides."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import iam, sts

from include.local_aws.calls import AwsError, Identity, Json

_LONGEST_SESSION_S = 7 * 24 * 3600


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials and the principal behind them."""

    identity: Identity
    secret_key: str
    token: str


def take_role(role: str, session_name: str, service: str, account_id: str, region: str) -> RoleSession:
    """Open a session of `role` (ARN or name) for a service (`glue.amazonaws.com`).

    Raises AwsError (InvalidInputException) when there is no such role or its trust policy does not name the service.
    """
    name = role.rpartition("/")[2]
    with responses.request_scope(account_id, region):
        found = iam._roles.get(name)
        arn = f"arn:aws:iam::{account_id}:role/{name}"
        if found is None:
            raise AwsError("InvalidInputException", f"Role {arn} does not exist: create it, or name another role")
        if not _trusts(found, arn, service, account_id, region):
            message = f"{service} may not assume {arn}: allow it sts:AssumeRole in the role's trust policy"
            raise AwsError("InvalidInputException", message)
        access_key, secret_key, token = (
            "ASIA" + secrets.token_hex(8).upper(),
            secrets.token_hex(20),
            secrets.token_urlsafe(60),
        )
        principal = f"arn:aws:sts::{account_id}:assumed-role/{name}/{session_name}"
        sts.register_session(
            access_key,
            {
                "Arn": principal, "UserId": f"{sts._role_id(arn)}:{session_name}", "SecretAccessKey": secret_key,
                "SessionToken": token, "Expiration": time.time() + _LONGEST_SESSION_S, "AccountId": account_id,
                "PrincipalType": "AssumedRole", "SessionTags": [], "SessionPolicies": None,
            },
        )  # fmt: skip
    return RoleSession(Identity(access_key, principal, account_id), secret_key, token)


def _trusts(role: dict[str, object], arn: str, service: str, account_id: str, region: str) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account=account_id, action="sts:AssumeRole",
        resource_arn=arn, region=region, service_context={"aws:sourceaccount": account_id, "aws:SourceAccount": account_id},
    )  # fmt: skip
    policy = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(policy) if isinstance(policy, str) else policy
    return bool(iam_evaluator.evaluate_trust_policy(_about(document, service), service, context))


def _about(document: Any, service: str) -> Json:
    """The statements that name the service. The base does not compare services, so they are put to it as naming anyone."""
    statements = document.get("Statement", [])
    listed = [statements] if isinstance(statements, dict) else statements
    return {"Statement": [{**one, "Principal": "*"} for one in listed if service in _services(one.get("Principal"))]}


def _services(principal: Any) -> list[str]:
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else list(named)
