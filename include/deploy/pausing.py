"""Bring pipelines' DAGs to a rest: nothing of them runs while their code changes.

A paused DAG's running run stands still (the scheduler examines runs of unpaused DAGs only), so that pausing first
and waiting then would wait for ever: a DAG is paused when nothing of it runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from include.deploy.airflow_api import AirflowApi
from include.deploy.mwaa import FOLDER
from include.deploy.stack import Say
from include.dynamo_lake.errors import TerminalError, TransientError
from include.dynamo_lake.names import PipelineNames

KINDS = ("bootstrap", "hourly", "on_change", "reconcile")
REST_CEILING_S = 6 * 3600.0
POLL_S = 15.0
# Which DAGs deployments have paused and not unpaused yet, so that one that goes on with it knows what to unpause.
PAUSED_KEY = f"{FOLDER}/paused.json"


class DagsBusyError(TransientError):
    """Runs did not end within the ceiling."""


class FrozenRunError(TerminalError):
    """A paused DAG has a run under way: it stands still and would go on with other code."""


def dag_ids(pipelines: Iterable[str]) -> tuple[str, ...]:
    """All DAGs that pipelines may have."""
    return tuple(PipelineNames(name).dag_id(kind) for name in sorted(pipelines) for kind in KINDS)


def unpaused_dags(api: AirflowApi, dag_ids: Iterable[str]) -> tuple[str, ...]:
    """Those of the DAGs that Airflow has and that are not paused.

    Raises:
        FrozenRunError: naming each paused DAG with a run under way.
    """
    states = [state for dag_id in dag_ids if (state := api.read_dag(dag_id)) is not None]
    frozen = {state.dag_id: runs for state in states if state.is_paused and (runs := api.running_runs(state.dag_id))}
    if frozen:
        raise FrozenRunError(
            f"paused with a run that stands still: {'; '.join(f'{dag}: {run[0]}' for dag, run in frozen.items())}. "
            "Unpause the DAG until the run has ended, or mark the run failed (its work is taken up by the next one)"
        )
    return tuple(state.dag_id for state in states if not state.is_paused)


def pause_at_rest(
    api: AirflowApi, dag_ids: Iterable[str], say: Say, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Pause each DAG at a moment when none of its runs is under way.

    Raises:
        DagsBusyError: after 6 hours, naming what still runs.
    """
    waiting, told, deadline = list(dag_ids), "", time.monotonic() + REST_CEILING_S
    while True:
        busy = {dag_id: runs for dag_id in waiting if (runs := _pause_if_idle(api, dag_id))}
        if not busy:
            return
        line = ", ".join(f"{dag_id} ({runs[0]})" for dag_id, runs in busy.items())
        if time.monotonic() > deadline:
            raise DagsBusyError(f"still running after {REST_CEILING_S / 3600:.0f} hours: {line}; deploy again later")
        if line != told:
            say(f"waiting for {line}")
        waiting, told = list(busy), line
        sleep(POLL_S)


def read_paused(s3: Any, bucket: str) -> tuple[str, ...]:
    """DAGs that deployments have paused; none where nothing is remembered."""
    try:
        body = s3.get_object(Bucket=bucket, Key=PAUSED_KEY)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return ()
        raise
    return tuple(json.loads(body))


def remember_paused(s3: Any, bucket: str, dag_ids: Iterable[str]) -> None:
    """Replace what is remembered."""
    listed = sorted(dag_ids)
    if listed:
        s3.put_object(Bucket=bucket, Key=PAUSED_KEY, Body=json.dumps(listed).encode())
    else:
        s3.delete_object(Bucket=bucket, Key=PAUSED_KEY)


def _pause_if_idle(api: AirflowApi, dag_id: str) -> tuple[str, ...]:
    """Pause the DAG unless something of it runs; return what runs."""
    runs = api.running_runs(dag_id)
    if runs:
        return runs
    api.set_paused(dag_id, True)
    # A run may have begun between the look and the pause: then it is let go on.
    runs = api.running_runs(dag_id)
    if runs:
        api.set_paused(dag_id, False)
    return runs
