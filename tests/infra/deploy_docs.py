"""docs/deploy.md and docs/runbook.md as data: their blocks, their AWS calls, and which tests make those of the first."""

from __future__ import annotations

import re

from tests.infra.aws_cli import commands_of
from tests.infra.template import ROOT


def blocks_of(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a document that say what they are, with their kind."""
    found = re.findall(r"^( *)```(\S[^\n]*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [(kind, script) for _, kind, script in found]


TEXT = (ROOT / "docs" / "deploy.md").read_text()
BLOCKS = blocks_of(TEXT)
RUN = [script for kind, script in BLOCKS if kind == "bash test"]
MAKE = [line.strip() for kind, script in BLOCKS if kind == "bash make" for line in script.splitlines()]
AWS = [command for kind, script in BLOCKS if kind == "bash aws" for command in commands_of(script)]
RUNBOOK_TEXT = (ROOT / "docs" / "runbook.md").read_text()
RUNBOOK = blocks_of(RUNBOOK_TEXT)
EXAMPLE_ACCOUNT = "111122223333"

# What local AWS does not have, and why it is not there for this document alone; a test fails once it has it.
NOT_LOCAL = {
    (
        "mwaa",
        "create-environment",
    ): "local AWS has no MWAA: Airflow runs beside it; the calls to Airflow meet a stand-in",
    ("glue", "get-catalog"): "an account-wide setting of Glue that nothing of this project reads",
}
# By whoever deploys, on a local AWS without rows (test_deploy_docs.py); by a reader, over rows (tests/e2e/).
AS_ACCOUNT = [
    one for one in AWS if one[1] in {"s3api", "iam", "sns", "glue", "logs"} and (one[1], one[2]) not in NOT_LOCAL
]
TO_AIRFLOW = [one for one in AWS if one[1:3] == ["mwaa", "invoke-rest-api"]]
AS_READER = [one for one in AWS if one[1] in {"sts", "athena"}]


def in_account(command: list[str], account: str) -> list[str]:
    """A command of the document for another account than the example's."""
    return [word.replace(EXAMPLE_ACCOUNT, account) for word in command]
