"""``make run``: the main job end to end on this machine, from an empty table to rows out of Athena, checked row by row."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from include.deploy.deployment import Deployed
from include.dynamo_lake.declaration import Pipeline, read_declaration
from include.dynamo_lake.errors import LakeError
from include.dynamo_lake.names import PipelineNames
from include.dynamo_lake.windows import parse_instant
from include.laptop import paths
from include.laptop.airflow_env import airflow_environment
from include.laptop.athena import query, render_table
from include.laptop.dag_run import output_to, prepare_home, run_dag
from include.laptop.expected import expected_rows, sort_key
from include.laptop.running import Progress, deploy_all, session
from include.local_aws import demo
from include.local_aws.process import RunningLocalAws, ask, local_aws

FOLDER = paths.LOCAL / "run"
PIPELINE = "campaign"
CAMPAIGNS = 40


class RunFailedError(Exception):
    """A DAG run failed or the rows are not right; the message says where to look."""


@dataclass(frozen=True)
class Demo:
    """One demo run: clients and names of the deployed pipeline, and where progress goes."""

    running: RunningLocalAws
    pipeline: Pipeline
    deployed: Deployed
    log_path: Path
    say: Progress

    @property
    def names(self) -> PipelineNames:
        return PipelineNames(self.pipeline.name)

    def client(self, service: str) -> Any:
        return session(self.running.environment).client(service)  # type: ignore[call-overload]

    def now(self) -> datetime:
        return parse_instant(ask(self.running.endpoint_url, "GET", "/_local/status")["now"])


def main() -> int:
    """Return 0 only if the rows out of Athena are right."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--items", type=int, default=5000, help="items in the main table, at least 8")
    options = parser.parse_args()
    if options.items < 8:
        print(f"ITEMS={options.items}: give at least 8, so that every kind of change has an item", file=sys.stderr)
        return 2
    shutil.rmtree(FOLDER, ignore_errors=True)
    say = Progress()
    try:
        with local_aws(FOLDER / "aws") as running:
            say(f"local AWS at {running.endpoint_url}")
            _run(_deploy(running, say), options.items)
    except (LakeError, RunFailedError) as error:
        print(f"make run failed: {error}", file=sys.stderr)
        return 1
    say("the rows are right")
    return 0


def _deploy(running: RunningLocalAws, say: Progress) -> Demo:
    os.environ.update(running.environment)
    deployed = deploy_all(running.environment, say)
    home = FOLDER / "airflow"
    os.environ.update(airflow_environment(running.environment, deployed, home))
    prepare_home(home)
    pipeline = read_declaration(PIPELINE)
    mine = next(one for one in deployed if one.stack == PipelineNames(PIPELINE).stack)
    return Demo(running, pipeline, mine, home / "run.log", say)


def _run(one: Demo, count: int) -> None:
    dynamodb = one.client("dynamodb")
    now = one.now()
    campaigns, users = demo.build_campaigns(CAMPAIGNS, now), demo.build_users(count, CAMPAIGNS, now)
    demo.write_items(dynamodb, demo.CAMPAIGNS_TABLE, campaigns)
    demo.write_items(dynamodb, demo.USERS_TABLE, users)
    one.say(f"wrote {len(users)} items to {demo.USERS_TABLE}, {len(campaigns)} to {demo.CAMPAIGNS_TABLE}")
    _dag(one, "bootstrap")
    changes = demo.build_changes(users, campaigns, one.now())
    for table, items in changes.puts.items():
        demo.write_items(dynamodb, table, items)
    for table, keys in changes.deletes.items():
        demo.delete_items(dynamodb, table, keys)
    one.say(f"changed the tables: {', '.join(changes.words)}")
    ask(one.running.endpoint_url, "POST", "/_local/clock", {"advance": 3600})
    one.say("moved local AWS's clock an hour on")
    _dag(one, "hourly")
    _show(one)
    _compare(one)


def _dag(one: Demo, kind: str) -> None:
    dag_id = one.names.dag_id(kind)
    one.say(f"{dag_id} under Airflow:")
    with output_to(one.log_path) as say:
        succeeded = run_dag(dag_id, {}, lambda line: say(f"[{one.say.elapsed():6.1f} s] {line}"))
    if not succeeded:
        raise RunFailedError(f"{dag_id} failed; its log is {one.log_path.relative_to(paths.ROOT)}")


def _show(one: Demo) -> None:
    target, partition = one.pipeline.target, one.pipeline.target.partition
    table = f'"{one.names.analytics_database}"."{target.table}"'
    athena, workgroup = one.client("athena"), one.pipeline.name
    rows = query(athena, workgroup, f"SELECT * FROM {table} ORDER BY {', '.join(target.row_key)} LIMIT 5")  # noqa: S608 - declared names
    print(f"\nRows of {table}:\n{render_table(rows)}\n")
    partitions = query(
        athena,
        workgroup,
        f'SELECT partition, record_count, file_count FROM "{one.names.analytics_database}"."{target.table}$partitions" ORDER BY 1',  # noqa: S608
    )
    print(f"Partitions:\n{render_table(partitions)}\n")
    whole = query(athena, workgroup, f"SELECT count(*) n, max({partition}) newest FROM {table}")  # noqa: S608
    day = (whole.rows[0][1] or "")[:10]
    sql = f"SELECT count(*) n, max({partition}) newest FROM {table} WHERE {partition} >= TIMESTAMP '{day} 00:00:00'"  # noqa: S608
    filtered = query(athena, workgroup, sql)
    print(f"Scanned without a filter: {whole.bytes_scanned} bytes for {whole.rows[0][0]} rows")
    print(f"Scanned with {partition} >= {day}: {filtered.bytes_scanned} bytes for {filtered.rows[0][0]} rows\n")
    print(f"Run report:\n{_report(one)}\n")


def _report(one: Demo) -> str:
    s3, bucket = one.client("s3"), one.deployed.outputs["Bucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]
    newest = max(listed, key=lambda entry: (entry["LastModified"], entry["Key"]))
    report = json.loads(s3.get_object(Bucket=bucket, Key=newest["Key"])["Body"].read())
    return json.dumps(report, indent=1, ensure_ascii=False)


def _compare(one: Demo) -> None:
    columns = ", ".join(column.name for column in one.pipeline.target.columns)
    sql = f'SELECT {columns} FROM "{one.names.analytics_database}"."{one.pipeline.target.table}"'  # noqa: S608 - declared names
    shown = sorted(query(one.client("athena"), one.pipeline.name, sql).rows, key=sort_key)
    wanted = expected_rows(one.pipeline, one.client("dynamodb"))
    one.say(f"compared {len(shown)} rows out of Athena with {len(wanted)} that DynamoDB's items make")
    if shown != wanted:
        missing, extra = set(wanted) - set(shown), set(shown) - set(wanted)
        raise RunFailedError(
            f"the rows differ: {len(missing)} missing (for example {min(missing, key=sort_key, default=None)}), "
            f"{len(extra)} too many (for example {min(extra, key=sort_key, default=None)})"
        )


if __name__ == "__main__":
    raise SystemExit(main())
