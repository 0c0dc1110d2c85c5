"""Local AWS's container in ``docker-compose.yaml``: the stacks, the settings for Airflow's containers, the opening, traffic."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from include.deploy.deployment import Deployed
from include.laptop import paths
from include.laptop.airflow_env import airflow_environment
from include.laptop.running import Progress, deploy_all
from include.laptop.stack.airflow_api import AirflowApi
from include.laptop.stack.clock import past_start
from include.laptop.stack.errors import StackError, StoppedError
from include.laptop.stack.opening import Opening
from include.laptop.stack.settings import StackSecrets, write_settings
from include.laptop.stack.supervisor import publish_environment
from include.laptop.stack.traffic import write_bursts
from include.local_aws.process import local_aws

SETTINGS_FILE = Path("/run/lake/airflow.env")
AIRFLOW_URL = "http://127.0.0.1:8080"
PER_START = ("AWS_", "AIRFLOW_CONN_", "AIRFLOW__LAKE_")
COMMON_SECTION = "AIRFLOW__LAKE__"


def per_start_settings(aws: Mapping[str, str], deployed: Iterable[Deployed]) -> dict[str, str]:
    """What only this start knows: keys and endpoint of local AWS, the pipelines' settings and connections."""
    everything = airflow_environment(aws, deployed, Path("/opt/airflow"))
    return {
        name: value
        for name, value in everything.items()
        if name.startswith(PER_START) and not name.startswith(COMMON_SECTION)
    }


def main() -> None:
    """Serve until SIGTERM."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    SETTINGS_FILE.unlink(missing_ok=True)
    say = Progress()
    with local_aws(paths.AWS_DATA, clock=past_start()) as aws:
        os.environ.update(aws.environment)
        deployed = deploy_all(aws.environment, say)
        opening = Opening(aws.environment, deployed, AirflowApi(AIRFLOW_URL), say, stopping)
        opening.fill_tables()
        # Airflow's containers run as another user, of another group; nothing but them sees the volume.
        per_start = per_start_settings(aws.environment, deployed) | StackSecrets().settings()
        write_settings(SETTINGS_FILE, per_start, mode=0o644)
        _open(opening, aws.environment)
        if os.environ.get("TRAFFIC", "1") != "0":
            threading.Thread(target=write_bursts, name="traffic", daemon=True).start()
        while not stopping.wait(1.0):
            if aws.process.poll() is not None:
                raise StackError(f"local AWS ended; its log is {aws.log_path}")


def _open(opening: Opening, environment: Mapping[str, str]) -> None:
    """What goes wrong here leaves the containers up, to be looked at."""
    try:
        runs = opening.start_bootstraps()
        opening.play_past()
        publish_environment(environment)
        opening.finish(runs)
    except StoppedError:
        return
    except Exception as error:  # whatever it was: said, and the UI stays up
        opening.say(f"the opening did not end well: {error}")


if __name__ == "__main__":
    main()
