"""How a new stack gets its history: items, a bootstrap in the past, hours of writes since, then the present.

Airflow's scheduler lives in the machine's present, whatever local AWS's clock says. So the clock starts hours back: the
bootstrap takes the tables as they were then, and the first scheduled run finds hours to catch up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.deploy.deployment import Deployed
from include.dynamo_lake.names import COVERAGE_KEY, PipelineNames
from include.laptop.running import session
from include.laptop.stack.airflow_api import AirflowApi, AirflowApiError
from include.laptop.stack.clock import PAST, advance, local_now
from include.laptop.stack.errors import StackError, StoppedError
from include.laptop.stack.traffic import present_traffic
from include.local_aws import demo

STEP = timedelta(minutes=15)
STEP_WRITES = 15
USERS, CAMPAIGNS = 2000, 40
PARSE_CEILING_S, PLAN_CEILING_S, BOOTSTRAP_CEILING_S = 180.0, 300.0, 1800.0
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Opening:
    """The opening of a stack: what is deployed, Airflow, where to report, and the event that ends every wait."""

    aws: Mapping[str, str]
    deployed: Sequence[Deployed]
    api: AirflowApi
    say: Callable[[str], None]
    stopping: threading.Event

    def fill_tables(self) -> None:
        """Write the items of the demo, as of local AWS's present."""
        dynamodb, now = self._client("dynamodb"), self._now()
        demo.write_items(dynamodb, demo.CAMPAIGNS_TABLE, demo.build_campaigns(CAMPAIGNS, now))
        demo.write_items(dynamodb, demo.USERS_TABLE, demo.build_users(USERS, CAMPAIGNS, now))
        self.say(f"wrote {USERS} items to {demo.USERS_TABLE}, {CAMPAIGNS} to {demo.CAMPAIGNS_TABLE}, as of {now:%H:%M}")

    def start_bootstraps(self) -> dict[str, str]:
        """Trigger every pipeline's bootstrap and return when each has taken its instant: run ids by DAG id."""
        dag_ids = [PipelineNames(one.pipeline).dag_id("bootstrap") for one in self.deployed]
        self._wait(
            lambda: self.api.dag_ids().issuperset(dag_ids), PARSE_CEILING_S, f"Airflow to parse {dag_ids}", self._broken
        )
        runs = {dag_id: self._trigger(dag_id) for dag_id in dag_ids}
        for one, (dag_id, run_id) in zip(self.deployed, runs.items(), strict=True):
            self._wait(
                lambda one=one, dag_id=dag_id, run_id=run_id: (  # type: ignore[misc]
                    self._is_planned(one) or self.api.run_state(dag_id, run_id) in ENDED
                ),
                PLAN_CEILING_S,
                f"{dag_id} to plan its export",
            )
        return runs

    def play_past(self) -> None:
        """Write through the hours since the start, the clock moving on, until local AWS's present is the machine's."""
        dynamodb = self._client("dynamodb")
        traffic, writes = present_traffic(dynamodb, seed=23), 0
        while (behind := datetime.now(UTC) - self._now()) > STEP:
            self._advance(STEP)
            demo.write_changes(dynamodb, traffic.build_writes(STEP_WRITES, self._now()))
            writes += STEP_WRITES
            if self.stopping.is_set():
                raise StoppedError
        self._advance(max(behind, timedelta(0)))
        self.say(f"played {PAST.total_seconds() / 3600:.0f} hours with {writes} writes; local AWS is in the present")

    def finish(self, runs: Mapping[str, str]) -> None:
        """When the bootstraps have ended, unpause the pipelines' DAGs: the scheduler starts the hour that has just passed."""
        for dag_id, run_id in runs.items():
            self._wait(
                lambda dag_id=dag_id, run_id=run_id: self.api.run_state(dag_id, run_id) in ENDED,  # type: ignore[misc]
                BOOTSTRAP_CEILING_S,
                f"{dag_id} to end",
            )
            self.say(f"{dag_id}: {self.api.run_state(dag_id, run_id)}")
        prefixes = tuple(f"{one.pipeline}_" for one in self.deployed)
        dag_ids = sorted(dag_id for dag_id in self.api.dag_ids() if dag_id.startswith(prefixes))
        for dag_id in dag_ids:
            self.api.unpause(dag_id)
        self.say(f"unpaused {', '.join(dag_ids)}")

    def _trigger(self, dag_id: str) -> str:
        self.api.unpause(dag_id)
        run_id = self.api.trigger(dag_id)
        self.say(f"triggered {dag_id}")
        return run_id

    def _is_planned(self, one: Deployed) -> bool:
        """Whether the lake's coverage names a plan or what it covers: then the bootstrap's instant is fixed."""
        s3 = self._client("s3")
        listed = s3.list_objects_v2(Bucket=one.outputs["Bucket"], Prefix=COVERAGE_KEY)
        return bool(listed.get("KeyCount"))

    def _broken(self) -> str:
        return "; ".join(self.api.import_errors())

    def _wait(
        self, done: Callable[[], bool], ceiling_s: float, what: str, why_not: Callable[[], str] = lambda: ""
    ) -> None:
        deadline = time.monotonic() + ceiling_s
        while not self._try(done):
            if time.monotonic() > deadline:
                raise StackError(f"waited {ceiling_s:.0f} s for {what}. {why_not()}".strip())
            if self.stopping.wait(1.0):
                raise StoppedError

    @staticmethod
    def _try(done: Callable[[], bool]) -> bool:
        """Ask; an API that does not answer or is busy counts as not yet."""
        try:
            return done()
        except AirflowApiError as error:
            if error.status not in {0, 404, 500, 503}:
                raise
            return False

    def _client(self, service: str) -> Any:
        return session(self.aws).client(service)  # type: ignore[call-overload]

    def _now(self) -> datetime:
        return local_now(self.aws["AWS_ENDPOINT_URL"])

    def _advance(self, by: timedelta) -> None:
        advance(self.aws["AWS_ENDPOINT_URL"], by)
