"""One DAG run on the simulated AWS: the tasks in their order, each to its end, again, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from lake_airflow.operators.check import AthenaCheckOperator
from lake_airflow.operators.crawl import CrawlOperator, CrawlSensor, OutputCrawlOperator
from lake_airflow.operators.export import DynamoDBExportOperator
from lake_airflow.operators.merge import GlueBatchOperator
from lake_airflow.steps.announce import announce, build_asset
from lake_airflow.steps.batch import build_batch
from lake_airflow.steps.contract import check_contract
from lake_airflow.steps.finish import finish, run_again
from lake_airflow.steps.hear import hear
from lake_airflow.steps.plan import plan
from lake_airflow.steps.publish import assert_pointer, publish_snapshot
from lake_airflow.steps.verify import check_counts

from tests.plugins.simulation.world import World

Kind = Literal["hourly", "bootstrap", "on_change", "reconcile"]
MERGING = ("merge.glue_job", "counts", "snapshot")


@dataclass
class TaskInstance:
    """One task's view of the XComs that the whole run shares."""

    task_id: str
    xcoms: dict[tuple[str, str], Any]
    try_number: int = 1

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))


@dataclass(eq=False)
class SimulatedRun:
    """A run: ``step`` takes its next task to the end, or raises what the task raised; then ``step`` is its retry."""

    world: World
    kind: Kind
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pipeline = self.world.pipeline.name
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.tries: dict[str, int] = {}
        self.left: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [("plan", self._plan)]
        self.run_id = f"run-{id(self)}"

    @property
    def is_done(self) -> bool:
        return not self.left

    def finish(self) -> None:
        """All tasks that are left, without a disturbance."""
        while self.left:
            self.step()

    def step(self) -> None:
        name, execute = self.left[0]
        self.tries[name] = self.tries.get(name, 0) + 1
        self.xcoms = {place: value for place, value in self.xcoms.items() if place[0] != name}
        try:
            self.xcoms[name, "return_value"] = execute(self._context(name))
        except AirflowSkipException:
            self.xcoms[name, "return_value"] = None
        self.left.pop(0)
        if name == "plan":
            self.left = self._tasks(self.xcoms[name, "return_value"])
        if name == "merge.build_batch" and self.xcoms[name, "return_value"] != "merge.glue_job":
            checks = self.world.pipeline.checks.run
            self.left = [one for one in self.left if one[0] not in {*MERGING, *checks}]

    def _tasks(self, planned: Any) -> list[tuple[str, Any]]:
        if self.kind == "on_change":
            again = ("run_again", lambda context: run_again(**context))
            return [
                *self._applying(self.world.pipeline.inbox.max_run_bytes),
                ("announce", self._announce),
                again,
            ] * planned
        return [
            *self._capturing(planned),
            *self._applying(None),
            ("crawl output", self._crawl_output),
            ("wait output", self._wait_output),
            ("assert_pointer", lambda context: assert_pointer(self.pipeline)),
            ("announce", self._announce),
        ]

    def _capturing(self, exports: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        crawlers = [self.world.lake.crawler(source.id) for source in self.world.lake.sources]
        return [
            *((f"crawl {name}", lambda context, name=name: self._crawl(context, name)) for name in crawlers),
            *((f"wait {name}", lambda context, name=name: self._sense(context, name)) for name in crawlers),
            *((f"export {n}", lambda context, one=one: self._export(context, one)) for n, one in enumerate(exports)),
            ("capture.check_contract", lambda context: check_contract(self.pipeline)),
        ]

    def _applying(self, most: int | None) -> list[tuple[str, Any]]:
        return [
            ("merge.build_batch", lambda context: build_batch(self.pipeline, max_inbox_bytes=most, **context)),
            ("merge.glue_job", self._merge),
            ("counts", lambda context: check_counts(self.pipeline, **context)),
            *((check, lambda context, check=check: self._check(context, check)) for check in self._checks),
            ("snapshot", lambda context: publish_snapshot(self.pipeline, context)),
            ("publish.finish", lambda context: finish(self.pipeline, **context)),
        ]

    @property
    def _checks(self) -> tuple[str, ...]:
        return self.world.pipeline.checks.run

    def _context(self, name: str) -> dict[str, Any]:
        return {
            "ti": TaskInstance(name, self.xcoms, self.tries[name]),
            "dag": SimpleNamespace(dag_id=f"{self.pipeline}_{self.kind}", fileloc=__file__),
            "dag_run": SimpleNamespace(run_type="manual", data_interval_start=None, data_interval_end=None),
            "run_id": self.run_id,
            "params": self.params,
        }

    def _plan(self, context: dict[str, Any]) -> Any:
        if self.kind == "on_change":
            return hear(self.pipeline, **context)
        return plan(self.pipeline, self.kind, **context)

    def _export(self, context: dict[str, Any], arguments: dict[str, Any]) -> Any:
        lake = self.world.lake
        return self._operate(
            context,
            lambda: DynamoDBExportOperator(task_id="export", bucket=lake.bucket, key_arn="key", **arguments),
        )

    def _merge(self, context: dict[str, Any]) -> Any:
        batch = self.xcoms["merge.build_batch", "batch"]
        return self._operate(
            context,
            lambda: GlueBatchOperator(
                task_id="glue_job",
                job_name=self.world.lake.settings.merge_job,
                batch_id=batch["batch_id"],
                batch_since=batch["since"],
                arguments={"--batch": batch["manifest"]},
            ),
        )

    def _check(self, context: dict[str, Any], check: str) -> Any:
        batch_id = self.xcoms["merge.build_batch", "batch"]["batch_id"]
        return self._operate(
            context,
            lambda: AthenaCheckOperator(task_id=check, pipeline=self.pipeline, check=check, batch_id=batch_id),
        )

    def _crawl(self, context: dict[str, Any], name: str) -> Any:
        return CrawlOperator(task_id="crawl", crawler_name=name, policy="every_run").execute(context)

    def _sense(self, context: dict[str, Any], name: str) -> None:
        sensor = CrawlSensor(task_id="wait", crawler_name=name, start_task="crawl")
        while not sensor.poke(context):
            self.world.advance(timedelta(seconds=1))

    def _crawl_output(self, context: dict[str, Any]) -> Any:
        lake = self.world.lake
        return OutputCrawlOperator(
            task_id="crawl_output",
            crawler_name=lake.settings.output_crawler,
            policy="every_run",
            merge_job=lake.settings.merge_job,
            bucket=lake.bucket,
            lake_database=lake.settings.lake_database,
            table=lake.target,
        ).execute(context)

    def _wait_output(self, context: dict[str, Any]) -> None:
        if self.xcoms["crawl output", "return_value"] is None:
            raise AirflowSkipException("its crawl was skipped")
        self._sense(context, self.world.lake.settings.output_crawler)

    def _announce(self, context: dict[str, Any]) -> Any:
        events = {build_asset(self.world.lake): SimpleNamespace(extra=None)}
        return announce(self.pipeline, self._checks, (), {**context, "outlet_events": events})

    def _operate(self, context: dict[str, Any], make: Callable[[], Any]) -> Any:
        """Execute an operator as Airflow does: after every wait a new process, a new operator."""
        method, arguments = "execute", {}
        while True:
            try:
                return getattr(make(), method)(context, **arguments)
            except TaskDeferred as deferred:
                arguments = {"event": self.world.wait(deferred.trigger)}
                method = deferred.method_name
