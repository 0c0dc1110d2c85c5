"""Which IAM checks a request is: action, true resource ARNs and condition keys.

The base names wrong resources for Glue (no table ARN, jobs and crawlers as tables) and Logs (no `:*`): those two
services are decided here and passed on as root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions

from include.local_aws.calls import Json


@dataclass(frozen=True)
class Check:
    """One decision to take; `either` are ARN spellings of one resource, any of which may be allowed."""

    action: str
    either: tuple[str, ...]
    context: Json = field(default_factory=dict)


@dataclass(frozen=True)
class RequestView:
    """What names a request's checks."""

    service: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    region: str
    account: str

    @property
    def parameters(self) -> dict[str, list[str]]:
        found = parse_qs(self.query, keep_blank_values=True)
        if "x-www-form-urlencoded" in self.headers.get("content-type", ""):
            found = {**parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True), **found}
        return found


def base_checks(view: RequestView) -> list[Check]:
    """The checks that the base itself takes (for the record of decisions)."""
    headers, parameters = dict(view.headers), view.parameters
    action = iam_actions.extract_iam_action(view.service, view.method, view.path, headers, view.body, parameters)
    if action is None:
        return []
    if view.service == "dynamodb":
        items = iam_actions.dynamodb_transaction_checks(action, view.body, view.region, view.account)
        pairs: list[tuple[str, str]] = [(one, arn) for one, arn in items]
        tables = iam_actions.dynamodb_resource_arns(view.body, view.region, view.account) or ["*"]
        return [Check(one, (arn,)) for one, arn in pairs or [(action, arn) for arn in tables]]
    arn = iam_actions.extract_resource_arn(
        view.service, view.method, view.path, headers, view.body, parameters, view.region, view.account
    )
    checks = [Check(action, (arn,))]
    if view.service == "s3":
        more = iam_actions.s3_additional_checks(view.method, view.path, headers, view.body, parameters)
        checks += [Check(one[0], (one[1],)) for one in more]
    return checks


_BY_NAME = {"Crawler": "crawler", "Job": "job", "Trigger": "trigger", "Workflow": "workflow"}


def glue_checks(action: str, body: Json, region: str, account: str) -> list[Check]:
    """Glue's checks: catalog, database and table for the catalog's operations, else the named resource."""
    root = f"arn:aws:glue:{region}:{account}"
    iam_action = f"glue:{action}"
    checks: list[Check] = []
    for kind, prefix in _BY_NAME.items():
        if kind in action:
            fields = ("JobName", "Name") if kind == "Job" else ("Name", "CrawlerName")
            name = next((body[one] for one in fields if body.get(one)), None)
            checks = [Check(iam_action, (f"{root}:{prefix}/{name}" if name else "*",))]
            break
    else:
        checks = [Check(iam_action, (arn,)) for arn in _catalog_arns(action, body, root)]
    role = body.get("Role") or (body.get("JobUpdate") or {}).get("Role")
    if role:
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
        checks.append(Check("iam:PassRole", (arn,), {"iam:PassedToService": "glue.amazonaws.com"}))
    return checks


def _catalog_arns(action: str, body: Json, root: str) -> list[str]:
    if action in ("TagResource", "UntagResource", "GetTags"):
        return [body.get("ResourceArn", "*")]
    if "Database" in action:
        name = body.get("Name") or (body.get("DatabaseInput") or {}).get("Name")
        return [f"{root}:catalog", f"{root}:database/{name or '*'}"]
    database = body.get("DatabaseName")
    if database is None:
        return [f"{root}:catalog"]
    table = body.get("TableName") or (body.get("TableInput") or {}).get("Name") or body.get("Name")
    tables = body.get("TablesToDelete") or [table or "*"]
    return [f"{root}:catalog", f"{root}:database/{database}", *(f"{root}:table/{database}/{one}" for one in tables)]


def logs_checks(action: str, body: Json, region: str, account: str) -> list[Check]:
    """Logs: a group may be written with or without `:*`, as policies in the wild do; a stream has its own ARN."""
    root = f"arn:aws:logs:{region}:{account}:log-group"
    group = body.get("logGroupName") or str(body.get("logGroupIdentifier") or "").rpartition("log-group:")[2]
    if not group:
        return [Check(f"logs:{action}", (f"{root}:{body.get('logGroupNamePrefix', '')}*", "*"))]
    stream = body.get("logStreamName")
    spellings: tuple[str, ...] = (f"{root}:{group}", f"{root}:{group}:*")
    if stream:
        spellings = (f"{root}:{group}:log-stream:{stream}", *spellings)
    return [Check(f"logs:{action}", spellings)]


def passed_roles(service: str, content: Json) -> list[Check]:
    """`iam:PassRole` on every role that a request gives to a Lambda function or to a rule and its targets."""
    given = [content.get("Role"), content.get("RoleArn"), *(one.get("RoleArn") for one in content.get("Targets") or ())]
    context = {"iam:PassedToService": f"{service}.amazonaws.com"}
    return [Check("iam:PassRole", (role,), context) for role in given if role]


def own_checks(service: str, action: str, body: Json, region: str, account: str) -> list[Check] | None:
    """The checks of a service that is decided here, None for all others."""
    deciders: dict[str, Any] = {"glue": glue_checks, "logs": logs_checks}
    decider = deciders.get(service)
    return None if decider is None else decider(action, body, region, account)
