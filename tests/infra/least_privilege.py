"""Which rights a recorded run needed: a statement's action is needed if, without it, a decision that was allowed is not.

Decided offline from the roles' own policies; conditions are taken as met, since the recorded call met them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Right:
    """One action of one statement of a role."""

    sid: str
    action: str


@dataclass(frozen=True)
class Recorded:
    """An allowed decision of a run."""

    principal: str
    action: str
    resource: str


def recorded_of(decisions: Iterable[Mapping[str, Any]]) -> frozenset[Recorded]:
    """The allowed ones of ``GET /_local/decisions``."""
    return frozenset(Recorded(one["principal"], one["action"], one["resource"]) for one in decisions if one["allowed"])


def read_statements(iam: Any, role: str) -> list[dict[str, Any]]:
    """All statements of a live role's inline policies; actions and resources as lists."""
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    return [
        {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
        for document in documents
        for statement in document["Statement"]
    ]


def idle_rights(statements: Sequence[Mapping[str, Any]], decisions: Iterable[Recorded]) -> frozenset[Right]:
    """Rights whose removal flips none of a role's recorded decisions."""
    rights = {Right(statement["Sid"], action) for statement in statements for action in statement["Action"]}
    return frozenset(rights - {right for one in decisions if (right := _only_right(statements, one)) is not None})


def unexplained(statements: Sequence[Mapping[str, Any]], decisions: Iterable[Recorded]) -> frozenset[Recorded]:
    """Decisions that were allowed though no statement allows them: then the evaluation itself is wrong."""
    return frozenset(one for one in decisions if not _rights_for(statements, one))


def _only_right(statements: Sequence[Mapping[str, Any]], decision: Recorded) -> Right | None:
    """The right that a decision rests on, where it rests on one alone."""
    rights = _rights_for(statements, decision)
    return rights[0] if len(rights) == 1 else None


def _rights_for(statements: Sequence[Mapping[str, Any]], decision: Recorded) -> list[Right]:
    return [
        Right(statement["Sid"], decision.action)
        for statement in statements
        if decision.action in statement["Action"]
        and any(fnmatchcase(decision.resource, pattern) for pattern in statement["Resource"])
    ]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
