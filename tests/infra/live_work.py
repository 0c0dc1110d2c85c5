"""Work of the deployed roles on local AWS, with all their statements and without one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from include.deploy.deployment import Deployed

CEILING_S = 60.0


@contextmanager
def without(iam: Any, role: str, sid: str) -> Iterator[None]:
    """Take one statement out of a role's policies, and put it back."""
    policies = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    (name,) = (one for one, policy in policies.items() if sid in {part["Sid"] for part in policy["Statement"]})
    policy = policies[name]
    rest = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps({**policy, "Statement": rest}))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def role_of(deployed: Deployed, actor: str) -> str:
    return deployed.outputs[f"{actor}Arn"].rpartition("/")[2]


def awaited(read: Callable[[], Any]) -> Any:
    """The first answer that is not None."""
    deadline = time.monotonic() + CEILING_S
    while (found := read()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def crawl(glue: Any, deployed: Deployed) -> tuple[str, str]:
    """Status and message of a crawl of the main table."""
    crawler = deployed.outputs["MainCrawler"]
    glue.start_crawler(Name=crawler)

    def last() -> tuple[str, str] | None:
        found = glue.get_crawler(Name=crawler)["Crawler"]
        crawled = found.get("LastCrawl", {})
        over = found["State"] == "READY" and crawled
        return (crawled["Status"], crawled.get("ErrorMessage", "")) if over else None

    found: tuple[str, str] = awaited(last)
    return found
