"""The one process behind ``make up``: starts the parts in the right order, watches them, ends them all."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import psutil

from include.laptop import paths
from include.laptop.airflow_env import airflow_environment
from include.laptop.running import deploy_all
from include.laptop.stack import settings
from include.laptop.stack.airflow_api import AirflowApi, AirflowApiError
from include.laptop.stack.clock import past_start
from include.laptop.stack.database import Database, start_database
from include.laptop.stack.errors import StackError, StoppedError
from include.laptop.stack.folder import FAILED, READY, StackFolder, StackState
from include.laptop.stack.opening import Opening
from include.laptop.stack.parts import Part, migrate_database, start_airflow, start_part
from include.laptop.stack.processes import GRACE_S, end, find_parts
from include.local_aws.process import RunningLocalAws, start_local_aws

HEALTH_CEILING_S = 180.0
WATCH_EVERY_S = 1.0


@dataclass
class Supervisor:
    """The stack of one folder, from its first process to its last."""

    folder: StackFolder
    traffic: bool
    dags: Path | None
    state: StackState
    stopping: threading.Event = field(default_factory=threading.Event)
    parts: list[Part] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Serve until a signal; return 1 when the stack could not be brought up or a part could not be kept up."""
        try:
            self._serve()
        except StoppedError:
            return 0
        except Exception as error:  # whatever it was: `make up` must be able to say it
            traceback.print_exc()
            self.say(str(error))
            self._write(phase=FAILED, message=f"{error} (logs: {self.folder.logs})")
            return 1
        finally:
            self._end_parts()
        return 0

    def say(self, line: str) -> None:
        """Add one line to the progress that ``make up`` shows."""
        with self.folder.progress.open("a") as progress:
            progress.write(f"[{time.monotonic() - self.started:6.1f} s] {line}\n")

    def _serve(self) -> None:
        secrets, port = settings.StackSecrets(), settings.free_port()
        with ThreadPoolExecutor(1) as pool:
            database = pool.submit(self._start_database, secrets)
            aws = self._start_local_aws()
            os.environ.update(aws.environment)
            deployed = deploy_all(aws.environment, self.say)
            api = AirflowApi(f"http://127.0.0.1:{port}")
            opening = Opening(aws.environment, deployed, api, self.say, self.stopping)
            opening.fill_tables()
            base = airflow_environment(aws.environment, deployed, self.folder.airflow_home)
            environment = base | self._airflow_settings(secrets, port, database.result())
            environment |= settings.bundle_settings(paths.ROOT / "dags", self.dags)
        settings.write_settings(self.folder.airflow_settings, environment)
        self.parts += start_airflow(environment, self.folder.logs)
        self._write(url=api.url, database=database.result().words, endpoint_url=aws.endpoint_url)
        opener = threading.Thread(target=self._open, args=(opening, aws), name="opening", daemon=True)
        self._wait_healthy(api)
        self.say("Airflow is healthy")
        opener.start()
        self._watch()

    def _start_database(self, secrets: settings.StackSecrets) -> Database:
        database = start_database(self.folder, secrets.database_password)
        self.say(f"Airflow's database: {database.words}")
        if database.server is not None:
            self.parts.append(Part("postgres", self.folder.logs / "postgres.log", database.server))
            migrate_database(self._airflow_settings(secrets, 0, database), self.folder.logs)
        return database

    def _airflow_settings(self, secrets: settings.StackSecrets, port: int, database: Database) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.folder.airflow_home),
            **settings.STACK_SETTINGS,
            **settings.api_settings(port),
            **secrets.settings(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url,
        }

    def _start_local_aws(self) -> RunningLocalAws:
        aws = start_local_aws(self.folder.aws, clock=past_start())
        self.parts.append(Part("local AWS", aws.log_path, aws.process))
        self.say(f"local AWS at {aws.endpoint_url}, its clock hours back")
        return aws

    def _wait_healthy(self, api: AirflowApi) -> None:
        deadline = time.monotonic() + HEALTH_CEILING_S
        while True:
            try:
                waiting = api.unhealthy()
            except AirflowApiError as error:
                waiting = [str(error)]
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"not healthy after {HEALTH_CEILING_S:.0f} s: {', '.join(waiting)}; logs: {self.folder.logs}"
                )
            self._look(WATCH_EVERY_S)

    def _open(self, opening: Opening, aws: RunningLocalAws) -> None:
        """Give the stack its past and say that it is ready; what goes wrong leaves it up, to be looked at."""
        try:
            runs = opening.start_bootstraps()
            opening.play_past()
            self._announce(aws)
            opening.finish(runs)
        except StoppedError:
            return
        except Exception as error:  # whatever it was: said, and the UI stays up
            self.say(f"the opening did not end well: {error}")
            self._announce(aws, message=str(error))

    def _announce(self, aws: RunningLocalAws, message: str = "") -> None:
        if self.state.phase != READY:
            publish_environment(aws.environment)
            if self.traffic:
                python = str(paths.python_of(paths.AIRFLOW_ENV))
                command = (python, "-m", "include.laptop.stack.traffic")
                self.parts.append(start_part("traffic", command, dict(aws.environment), self.folder.logs))
        self._write(phase=READY, message=message)

    def _watch(self) -> None:
        while True:
            self._look(WATCH_EVERY_S)

    def _look(self, wait_s: float) -> None:
        """Wait a moment, then see to every part; raises when the stack is to stop or a part is lost."""
        if self.stopping.wait(wait_s):
            raise StoppedError
        for part in list(self.parts):
            part.revive(self.say)

    def _end_parts(self) -> None:
        self.stopping.set()
        withdraw_environment(self.state.endpoint_url)
        me = os.getpid()
        servers = {part.process.pid for part in self.parts if not part.command}
        found = [process for process in find_parts(self.folder) if process.pid != me]
        # Airflow first: without its database it would only complain.
        end([process for process in found if process.pid not in servers], GRACE_S)
        end([process for process in find_parts(self.folder) if process.pid != me], GRACE_S)

    def _write(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        self.folder.write_state(self.state)


def publish_environment(environment: Mapping[str, str]) -> None:
    """Write ``.local/aws.env``: boto3, ``make clock`` and ``make dag`` find local AWS there."""
    staged = paths.AWS_ENV_FILE.with_suffix(".new")
    staged.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    staged.rename(paths.AWS_ENV_FILE)


def withdraw_environment(endpoint_url: str) -> None:
    """Remove ``.local/aws.env`` if it names this local AWS."""
    with suppress(FileNotFoundError):
        if endpoint_url and f"AWS_ENDPOINT_URL={endpoint_url}\n" in paths.AWS_ENV_FILE.read_text():
            paths.AWS_ENV_FILE.unlink()


def main() -> int:
    """Supervise the stack of the checkout."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--no-traffic", action="store_true", help="leave the tables alone once the stack is up")
    parser.add_argument("--dags", type=Path, help="a folder whose DAG files run too")
    options = parser.parse_args()
    folder = StackFolder()
    state = StackState(os.getpid(), psutil.Process().create_time(), traffic=not options.no_traffic)
    supervisor = Supervisor(folder, state.traffic, options.dags, state)

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    folder.write_state(state)
    return supervisor.run()


if __name__ == "__main__":
    status = main()
    # Threads that wait for a server which has just been ended must not hold the process.
    sys.stdout.flush()
    os._exit(status)
