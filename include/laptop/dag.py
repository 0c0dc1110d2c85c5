"""``make dag``: run one DAG once against the running local AWS, without a scheduler; the exit status tells success."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from include.deploy.pausing import dag_ids
from include.dynamo_lake.errors import LakeError, TerminalError
from include.laptop import paths
from include.laptop.airflow_env import airflow_environment, enter_clean_environment
from include.laptop.dag_run import UnknownDagError, output_to, prepare_home, run_dag
from include.laptop.deliveries import await_deliveries
from include.laptop.running import Progress, read_all_deployed, read_running

# DAGs that always look at the present.
WITHOUT_RANGE = ("_bootstrap", "_on_change", "_reconcile")


def main() -> int:
    """Return 0 when the run succeeded, 1 when it failed, 2 for a DAG or parameters that do not exist."""
    options = _parser().parse_args()
    home = paths.LOCAL / "airflow" / "runs" / f"{options.dag}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    log_path = home / "run.log"
    progress = Progress()
    try:
        conf = _read_conf(options)
        enter_clean_environment()
        aws = read_running()
        os.environ.update(aws)
        deployed, left_out = read_all_deployed(aws)
        _tell_left_out(options.dag, left_out, progress)
        os.environ.update(airflow_environment(aws, deployed, home))
        prepare_home(home)
        if options.dag.endswith("_on_change"):
            await_deliveries(aws["AWS_ENDPOINT_URL"], progress)
        with output_to(log_path):
            succeeded = run_dag(options.dag, conf, progress)
    except (LakeError, UnknownDagError) as error:
        print(error, file=sys.stderr)
        return 2
    progress(f"{options.dag}: {'success' if succeeded else 'failed'}; log: {log_path.relative_to(paths.ROOT)}")
    if succeeded:
        shutil.rmtree(home / "logs", ignore_errors=True)
    return 0 if succeeded else 1


def _tell_left_out(dag_id: str, left_out: Mapping[str, LakeError], say: Callable[[str], None]) -> None:
    """Say which pipelines have no DAGs in this run; raise the reason where the DAG that was asked for is one of theirs."""
    for pipeline, reason in left_out.items():
        if dag_id in dag_ids((pipeline,)):
            raise reason
        say(f"without the DAGs of {pipeline}: {str(reason).splitlines()[0]}")


def _read_conf(options: argparse.Namespace) -> dict[str, Any]:
    """The run's params; raise ``TerminalError`` where they are no JSON object, or a range for a DAG that takes none."""
    try:
        more = json.loads(options.conf)
    except ValueError as error:
        raise TerminalError(f"CONF={options.conf} is not JSON: {error}") from error
    if not isinstance(more, dict):
        raise TerminalError(f"CONF={options.conf}: write the params as a JSON object")
    conf = {name: value for name, value in (("start", options.start), ("end", options.end)) if value} | more
    if conf.keys() & {"start", "end"} and options.dag.endswith(WITHOUT_RANGE):
        raise TerminalError(f"{options.dag} takes no range: leave START and END out, or run the pipeline's hourly DAG")
    return conf


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make dag", description=__doc__)
    parser.add_argument("dag", help="the DAG's id, for example campaign_hourly")
    parser.add_argument("--start", help="start of a manual range, ISO 8601 with zone")
    parser.add_argument("--end", help="end of a manual range, ISO 8601 with zone")
    parser.add_argument("--conf", default="{}", help="more params, as JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
