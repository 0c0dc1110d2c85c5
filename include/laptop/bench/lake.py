"""A lake on a local AWS of its own, filled from generated export files; merges are run as the DAGs run them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from include.deploy.deployment import Deployed
from include.dynamo_lake.coverage import FullExport, PlanItem
from include.dynamo_lake.errors import TerminalError
from include.dynamo_lake.manifests import BatchManifest, ExportFile, SourceExport, export_prefix
from include.dynamo_lake.names import PipelineNames, report_key
from include.dynamo_lake.reports import RunReport
from include.dynamo_lake.windows import Window
from include.laptop.airflow_env import enter_clean_environment
from include.laptop.bench import generate
from include.laptop.bench.generate import ChangeFile
from include.laptop.running import deploy_all, session
from include.local_aws.process import RunningLocalAws, local_aws

Say = Callable[[str], None]
PIPELINE = "campaign"
MAIN, LOOKUP = "user_campaign", "campaign_info"
JOB_CEILING_S = 3600
_POLL_S = 0.25


@dataclass(frozen=True)
class Merge:
    """One measured merge: ``job_s`` from the start of the job run to its end, and the job's own report."""

    job_s: float
    report: RunReport

    @property
    def phases(self) -> dict[str, float]:
        return {phase.name: phase.seconds for phase in self.report.phases}

    @property
    def work_s(self) -> float:
        """Seconds without the start of Python, JVM and Spark."""
        return sum(seconds for name, seconds in self.phases.items() if not name.startswith("start"))


Mark = Mapping[str, str]
"""Where the lake's tables stand: metadata location by table."""


@dataclass
class BenchLake:
    """The deployed pipeline's lake tables; ``items``: of the main table, as loaded."""

    running: RunningLocalAws
    deployed: Deployed
    folder: Path
    say: Say
    items: int = 0
    load: Merge | None = None
    _batches: int = field(default=0)

    @property
    def bucket(self) -> str:
        return self.deployed.outputs["Bucket"]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        aws = session(self.running.environment)
        return {name: aws.client(name) for name in ("s3", "glue", "athena", "iam")}  # type: ignore[call-overload]

    def client(self, service: str) -> Any:
        """A boto3 client with the account's root keys."""
        return self._clients[service]

    def main_files(self, items: int) -> list[ChangeFile]:
        """The generated main table on the local disk."""
        return generate.write_items(self.main_folder(items), items)

    def main_folder(self, items: int) -> Path:
        """Where the generated main table lies: another generator writes to another place."""
        return self.folder / "items" / f"{items}-{generate.digest()}"

    def load_items(self, items: int) -> Merge:
        """Empty the lake and load a full export of ``items`` items into it: the first merge, as a bootstrap does."""
        self._drop_tables()
        files = self.main_files(items)
        self.say(f"{items} items are written ({sum(file.bytes for file in files) >> 20} MiB of gzip)")
        item = FullExport(generate.PRESENT)
        lookup = generate.write_campaigns(self.folder / "campaigns")
        self.items = items
        self.load = self.merge(item, {MAIN: files, LOOKUP: lookup})
        return self.load

    def merge(self, item: PlanItem, files: Mapping[str, Sequence[ChangeFile]]) -> Merge:
        """Upload one batch of exports and run the merge job on it. Raises ``TerminalError`` where the job fails."""
        self._batches += 1
        batch_id = f"bench-{self._batches:04}"
        exports = tuple(self._upload(source, item, batch_id, part) for source, part in files.items())
        now = item.at if isinstance(item, FullExport) else item.end
        manifest = BatchManifest(batch_id, PIPELINE, "bench", batch_id, now, now, (item,), (), exports, ())
        key = f"batches/{batch_id}/manifest.json"
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=manifest.to_json().encode())
        arguments = {"--batch": f"s3://{self.bucket}/{key}", "--batch_id": batch_id}
        seconds = self.run_job(self.deployed.outputs["MergeJob"], arguments)
        report = self.client("s3").get_object(Bucket=self.bucket, Key=report_key(batch_id))["Body"].read()
        merge = Merge(seconds, RunReport.from_json(report))
        self.say(f"{batch_id}: {merge.job_s:.1f} s, of which {merge.work_s:.1f} s are work; {merge.report.rows}")
        return merge

    def merge_hour(self, hour: int, files: Mapping[str, Sequence[ChangeFile]]) -> Merge:
        """Run the merge of one hour's window, counted from the load."""
        start = generate.PRESENT + timedelta(hours=hour)
        return self.merge(Window(start, start + timedelta(hours=1)), files)

    def run_job(self, job: str, arguments: Mapping[str, str]) -> float:
        """Run a Glue job to its end and return its seconds."""
        glue = self.client("glue")
        started = time.monotonic()
        run_id = glue.start_job_run(JobName=job, Arguments=dict(arguments))["JobRunId"]
        while time.monotonic() - started < JOB_CEILING_S:
            run = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
            if run["JobRunState"] == "SUCCEEDED":
                return time.monotonic() - started
            if run["JobRunState"] in ("FAILED", "TIMEOUT", "STOPPED", "ERROR"):
                raise TerminalError(f"job {job} {run['JobRunState']}: {run.get('ErrorMessage')}")
            time.sleep(_POLL_S)
        raise TerminalError(f"job {job} ran longer than {JOB_CEILING_S} s: run fewer items")

    def mark(self) -> Mark:
        """Remember where the tables stand."""
        tables = self.client("glue").get_tables(DatabaseName=self._database)["TableList"]
        return {table["Name"]: table["Parameters"]["metadata_location"] for table in tables}

    def reset(self, mark: Mark) -> None:
        """Put the tables back to where they stood: an Iceberg table is what its metadata file says."""
        glue = self.client("glue")
        for name, location in mark.items():
            table = glue.get_table(DatabaseName=self._database, Name=name)["Table"]
            kept = {key: table[key] for key in ("Name", "StorageDescriptor", "TableType") if key in table}
            parameters = {**table["Parameters"], "metadata_location": location}
            glue.update_table(DatabaseName=self._database, TableInput={**kept, "Parameters": parameters})

    def athena_seconds(self, sql: str) -> tuple[float, int]:
        """Run a query in the pipeline's workgroup; return its seconds and the bytes that it scanned."""
        from include.laptop.athena import query

        started = time.monotonic()
        answer = query(self.client("athena"), self.deployed.outputs["Workgroup"], sql)
        return time.monotonic() - started, answer.bytes_scanned

    @property
    def _database(self) -> str:
        return PipelineNames(PIPELINE).lake_database

    def _drop_tables(self) -> None:
        glue = self.client("glue")
        for table in glue.get_tables(DatabaseName=self._database)["TableList"]:
            glue.delete_table(DatabaseName=self._database, Name=table["Name"])

    def _upload(self, source: str, item: PlanItem, batch_id: str, files: Sequence[ChangeFile]) -> SourceExport:
        prefix = f"{export_prefix(source, item)}{batch_id}/"
        named = []
        for file in files:
            key = f"{prefix}data/{file.path.name}"
            with file.path.open("rb") as body:
                etag = self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)["ETag"].strip('"')
            named.append(ExportFile(key, file.records, file.bytes, file.md5, etag))
        return SourceExport(source, item, "", prefix, tuple(named))


@contextmanager
def bench_lake(folder: Path, say: Say) -> Iterator[BenchLake]:
    """Start local AWS under ``folder`` with its clock at the generated data's present, and deploy the pipeline."""
    clock = f"{generate.PRESENT:%Y-%m-%dT%H:%M:%SZ}"
    enter_clean_environment()
    with local_aws(folder / "aws", clock=clock) as running:
        os.environ.update(running.environment)
        deployed = next(one for one in deploy_all(running.environment, say) if one.pipeline == PIPELINE)
        yield BenchLake(running, deployed, folder, say)
