"""The graph that all runs share: capture, merge, verify, publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from airflow.sdk import Asset, Label, Param, TaskGroup, TriggerRule, XComArg, task

from lake_airflow.docs import GROUPS, TASKS
from lake_airflow.operators.check import AthenaCheckOperator
from lake_airflow.operators.crawl import CrawlOperator, CrawlSensor, OutputCrawlOperator
from lake_airflow.operators.export import DynamoDBExportOperator
from lake_airflow.operators.merge import GlueBatchOperator
from lake_airflow.operators.steps import AnnounceOperator, DifferencesOperator, PublishOperator
from lake_airflow.pipelines import Lake
from lake_airflow.policy import CHECK_PATIENCE, CRAWL_CEILING
from lake_airflow.settings import CommonSettings
from lake_airflow.steps.announce import build_asset
from lake_airflow.steps.batch import build_batch
from lake_airflow.steps.contract import check_contract
from lake_airflow.steps.finish import finish, run_again
from lake_airflow.steps.hear import hear
from lake_airflow.steps.plan import Kind, plan
from lake_airflow.steps.publish import assert_pointer
from lake_airflow.steps.verify import check_counts
from lake_airflow.xcoms import DIFFERENCES, PLAN, batch_template


def range_params() -> dict[str, Param]:
    """Params of a manual range: both or neither."""
    return {
        "start": _instant_param(
            "Start",
            "First instant of the range to run again, in this page's time zone. Leave both empty to take what is due.",
        ),
        "end": _instant_param("End", "First instant after the range; not in the future."),
    }


class _Applied(NamedTuple):
    """What hangs on a batch: the merge job, ``finish``, the group to add to, and the ids of the checks that cost something."""

    job: Any
    finished: Any
    publish: TaskGroup
    checks: tuple[str, ...]


def reconcile_params() -> dict[str, Param]:
    """Params of a reconciliation: neither compares and changes nothing."""
    return {
        "repair": _switch(
            "Repair",
            "Put right what the mirrors show otherwise than the tables, and the rows that readers see with it.",
        ),
        "rebuild": _switch(
            "Rebuild",
            "Make the table and the quarantine anew from the mirrors, after the declaration was mended. Alone it compares nothing.",
        ),
    }


@dataclass(frozen=True)
class FlowBuilder:
    """Builds the groups of one DAG; every method adds its tasks to the DAG that is being defined."""

    lake: Lake
    common: CommonSettings

    def build(self, kind: Kind) -> None:
        """Add all tasks of one run that reads exports, and their order."""
        planned = task(task_id=PLAN, doc_md=TASKS["plan"])(plan)(pipeline=self.lake.pipeline.name, kind=kind)
        contract, crawls = self._capture(planned)
        applied = self._apply(contract)
        if kind == "reconcile":
            applied.job >> DifferencesOperator(
                task_id=DIFFERENCES, doc_md=TASKS["differences"], pipeline=self.lake.pipeline.name
            )
        with applied.publish:
            crawl = self._output_crawl()
            wait = self._crawl_sensor("wait_crawl_output", crawl)
            pointer = task(task_id="assert_pointer", doc_md=TASKS["assert_pointer"], trigger_rule=TriggerRule.ALL_DONE)(
                assert_pointer
            )(pipeline=self.lake.pipeline.name)
            announced = self._announce(applied.checks, (*crawls, crawl.task_id))
            applied.finished >> crawl >> wait >> pointer
            # A crawl that moved the pointer and failed is put right too; the run is failed by what hangs on both.
            [wait, pointer] >> announced

    def build_on_change(self, wake_up: Asset) -> None:
        """Add all tasks of one run that takes the inbox alone, and their order; events of ``wake_up`` start it."""
        heard = task.short_circuit(task_id=PLAN, doc_md=TASKS["hear"])(hear)(pipeline=self.lake.pipeline.name)
        applied = self._apply(heard, self.lake.pipeline.inbox.max_run_bytes)
        with applied.publish:
            again = task(task_id="run_again", doc_md=TASKS["run_again"], outlets=[wake_up])(run_again)()
            applied.finished >> [self._announce(applied.checks, ()), again]

    def _apply(self, ready: Any, max_inbox_bytes: int | None = None) -> _Applied:
        """Add what all runs have in common, from the batch to the end of its publication."""
        branch, job = self._merge(max_inbox_bytes)
        ready >> branch
        # Not with >>: there a label takes the group of a group's first task for the task itself.
        branch.operator.set_downstream(job, edge_modifier=Label("statements to apply"))
        counts, checks = self._verify()
        job >> [counts, *checks]
        with TaskGroup("publish", tooltip=GROUPS["publish"]) as publish:
            snapshot = PublishOperator(task_id="snapshot", doc_md=TASKS["snapshot"], pipeline=self.lake.pipeline.name)
            finished: Any = task(task_id="finish", doc_md=TASKS["finish"], trigger_rule=TriggerRule.NONE_FAILED)(
                finish
            )(pipeline=self.lake.pipeline.name)
        [counts, *checks] >> snapshot >> finished
        branch.operator.set_downstream(finished.operator, edge_modifier=Label("nothing to do"))
        return _Applied(job, finished, publish, tuple(check.task_id for check in checks))

    def _capture(self, planned: XComArg) -> tuple[Any, tuple[str, ...]]:
        with TaskGroup("capture", tooltip=GROUPS["capture"]):
            crawls, waits = [], []
            for role, source in zip(("main", "lookup"), self.lake.sources, strict=False):
                crawl = CrawlOperator(
                    task_id=f"crawl_{role}",
                    doc_md=TASKS["crawl_source"],
                    crawler_name=self.lake.crawler(source.id),
                    policy=self.lake.pipeline.crawl.policy,
                    # The merge reads no crawled schema: a crawl that fails, or cannot be started, is skipped with a warning.
                    soft_fail=True,
                    aws_conn_id=self._connection,
                )
                crawls.append(crawl.task_id)
                waits.append(self._crawl_sensor(f"wait_crawl_{role}", crawl, soft_fail=True))
                planned >> crawl >> waits[-1]
            export = self._export(planned)
            contract = task(
                task_id="check_contract", doc_md=TASKS["check_contract"], trigger_rule=TriggerRule.NONE_FAILED
            )(check_contract)(pipeline=self.lake.pipeline.name)
            [*waits, export] >> contract
        return contract, tuple(crawls)

    def _export(self, planned: XComArg) -> Any:
        return DynamoDBExportOperator.partial(
            task_id="export",
            doc_md=TASKS["export"],
            map_index_template="{{ task.label }}",
            bucket=self.lake.bucket,
            key_arn=self.lake.settings.key_arn,
            poll_s=self.common.poll_s,
            aws_conn_id=self._connection,
        ).expand_kwargs(planned)

    def _merge(self, max_inbox_bytes: int | None) -> tuple[Any, Any]:
        with TaskGroup("merge", tooltip=GROUPS["merge"]):
            branch = task.branch(task_id="build_batch", doc_md=TASKS["build_batch"])(build_batch)(
                pipeline=self.lake.pipeline.name, max_inbox_bytes=max_inbox_bytes
            )
            job = GlueBatchOperator(
                task_id="glue_job",
                doc_md=TASKS["glue_job"],
                job_name=self.lake.settings.merge_job,
                batch_id=batch_template("batch_id"),
                batch_since=batch_template("since"),
                arguments={"--batch": batch_template("manifest")},
                poll_s=self.common.poll_s,
                aws_conn_id=self._connection,
            )
        return branch, job

    def _verify(self) -> tuple[Any, list[AthenaCheckOperator]]:
        with TaskGroup("verify", tooltip=GROUPS["verify"]):
            counts = task(task_id="counts", doc_md=TASKS["counts"])(check_counts)(pipeline=self.lake.pipeline.name)
            checks = [
                AthenaCheckOperator(
                    task_id=check,
                    doc_md=TASKS["check"],
                    pipeline=self.lake.pipeline.name,
                    check=check,
                    batch_id=batch_template("batch_id"),
                    patience=CHECK_PATIENCE,
                    poll_s=self.common.poll_s,
                    aws_conn_id=self._connection,
                )
                for check in self.lake.pipeline.checks.run
            ]
        return counts, checks

    def _announce(self, checks: tuple[str, ...], crawls: tuple[str, ...]) -> AnnounceOperator:
        return AnnounceOperator(
            task_id="announce",
            doc_md=TASKS["announce"],
            pipeline=self.lake.pipeline.name,
            checks=checks,
            crawls=crawls,
            trigger_rule=TriggerRule.NONE_FAILED if crawls else TriggerRule.ALL_SUCCESS,
            outlets=[build_asset(self.lake)],
        )

    def _output_crawl(self) -> OutputCrawlOperator:
        return OutputCrawlOperator(
            task_id="crawl_output",
            doc_md=TASKS["crawl_output"],
            crawler_name=self.lake.settings.output_crawler,
            policy=self.lake.pipeline.crawl.policy,
            merge_job=self.lake.settings.merge_job,
            bucket=self.lake.bucket,
            lake_database=self.lake.settings.lake_database,
            table=self.lake.target,
            aws_conn_id=self._connection,
        )

    def _crawl_sensor(self, task_id: str, crawl: CrawlOperator, *, soft_fail: bool = False) -> CrawlSensor:
        return CrawlSensor(
            task_id=task_id,
            doc_md=TASKS["wait_crawl"],
            crawler_name=crawl.crawler_name,
            start_task=crawl.task_id,
            aws_conn_id=self._connection,
            mode="reschedule",
            soft_fail=soft_fail,
            poke_interval=self.common.poll_s,
            timeout=CRAWL_CEILING.total_seconds(),
        )

    @property
    def _connection(self) -> str:
        return self.lake.settings.aws_conn_id


def _switch(title: str, description: str) -> Param:
    return Param(False, type="boolean", title=title, description=description)


def _instant_param(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date-time", title=title, description=description)
