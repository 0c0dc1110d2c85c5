"""Run a DAG in a process of its own that is killed at a call to AWS: no handler runs, nothing is tidied up.

Tasks and triggers run in that one process: a kill in a trigger's call is the triggerer's, any other the task's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Literal

from include.laptop import paths
from include.laptop.dag_run import run_dag
from include.laptop.local_pipeline import LocalPipeline

CEILING_S = 300


@dataclass(frozen=True)
class Kill:
    """The ``nth`` call of this operation (``glue.StartJobRun``) with ``match`` in its arguments; before it, or after its answer."""

    operation: str
    when: Literal["before", "after"]
    match: str = ""
    nth: int = 1


def run_and_kill(campaign: LocalPipeline, kind: str, kill: Kill, conf: Mapping[str, Any] | None = None) -> bool:
    """Run a DAG with this process's environment; return whether it came to the call and was killed there."""
    given = json.dumps(asdict(kill)), json.dumps(conf or {})
    command = [sys.executable, "-m", __name__, campaign.names.dag_id(kind), *given]
    with campaign.log_path.open("ab") as log:
        ended = subprocess.run(
            command, cwd=paths.ROOT, env=os.environ, stdout=log, stderr=log, timeout=CEILING_S, check=False
        )
    return ended.returncode == -signal.SIGKILL


def _arm(kill: Kill) -> None:
    from aiobotocore.client import AioBaseClient
    from botocore.client import BaseClient

    call, call_async = BaseClient._make_api_call, AioBaseClient._make_api_call
    numbers = count(1)

    def is_meant(client: Any, operation: str, arguments: Any) -> bool:
        """Asked before the call: botocore makes a stream of a body."""
        name = f"{client.meta.service_model.service_name}.{operation}"
        return name == kill.operation and kill.match in str(arguments) and next(numbers) == kill.nth

    def struck(when: str) -> None:
        if when == kill.when:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(client: Any, operation: str, arguments: Any) -> Any:
        if not is_meant(client, operation, arguments):
            return call(client, operation, arguments)
        struck("before")
        answer = call(client, operation, arguments)
        struck("after")
        return answer

    async def watched_async(client: Any, operation: str, arguments: Any) -> Any:
        if not is_meant(client, operation, arguments):
            return await call_async(client, operation, arguments)
        struck("before")
        answer = await call_async(client, operation, arguments)
        struck("after")
        return answer

    BaseClient._make_api_call = watched
    AioBaseClient._make_api_call = watched_async


if __name__ == "__main__":
    _arm(Kill(**json.loads(sys.argv[2])))
    sys.exit(0 if run_dag(sys.argv[1], json.loads(sys.argv[3]), print) else 1)
