"""``make run``: the main job end to end on this machine, from empty tables to rows out of Athena, checked row by row."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from include.dynamo_lake.errors import LakeError
from include.laptop import paths
from include.laptop.athena import render_table
from include.laptop.expected import sort_key
from include.laptop.local_pipeline import LocalPipeline, local_pipelines
from include.laptop.running import Progress, read_declarations
from include.local_aws import demo

FOLDER = paths.LOCAL / "run"
PIPELINE = "campaign"
CAMPAIGNS = 40
# Every kind of change takes an item.
LEAST_ITEMS = 8


class RunFailedError(Exception):
    """A DAG run failed or the rows are not right; the message says where to look."""


def main() -> int:
    """Return 0 only if the rows out of Athena are right; 2 for declarations that forbid a start."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument(
        "--items", type=int, default=5000, help=f"items in the main table; {LEAST_ITEMS} at least are written"
    )
    options = parser.parse_args()
    try:
        read_declarations()
    except LakeError as error:
        print(error, file=sys.stderr)
        return 2
    shutil.rmtree(FOLDER, ignore_errors=True)
    say = Progress()
    count = max(options.items, LEAST_ITEMS)
    if count != options.items:
        say(f"ITEMS={options.items}: {count} items are written, so that there is one for every kind of change")
    try:
        with local_pipelines(FOLDER, say) as pipelines:
            one = pipelines[PIPELINE]
            _fill_and_run(one, count)
            _show(one)
            _compare(one)
    except (LakeError, RunFailedError) as error:
        print(f"make run failed: {error}", file=sys.stderr)
        return 1
    say("the rows are right")
    return 0


def _fill_and_run(one: LocalPipeline, count: int) -> None:
    dynamodb = one.client("dynamodb")
    now = one.now()
    campaigns, users = demo.build_campaigns(CAMPAIGNS, now), demo.build_users(count, CAMPAIGNS, now)
    demo.write_items(dynamodb, demo.CAMPAIGNS_TABLE, campaigns)
    demo.write_items(dynamodb, demo.USERS_TABLE, users)
    one.say(f"wrote {len(users)} items to {demo.USERS_TABLE}, {len(campaigns)} to {demo.CAMPAIGNS_TABLE}")
    _run_dag(one, "bootstrap")
    changes = demo.build_changes(users, campaigns, one.now())
    for table, items in changes.puts.items():
        demo.write_items(dynamodb, table, items)
    for table, keys in changes.deletes.items():
        demo.delete_items(dynamodb, table, keys)
    one.say(f"changed the tables: {', '.join(changes.words)}")
    one.advance(3600)
    one.say("moved local AWS's clock an hour on")
    _run_dag(one, "hourly")


def _run_dag(one: LocalPipeline, kind: str) -> None:
    dag_id = one.names.dag_id(kind)
    one.say(f"{dag_id} under Airflow:")
    if not one.run(kind):
        raise RunFailedError(f"{dag_id} failed; its log is {one.log_path.relative_to(paths.ROOT)}")


def _show(one: LocalPipeline) -> None:
    target, partition = one.pipeline.target, one.pipeline.target.partition
    rows = one.query(f"SELECT * FROM {one.target} ORDER BY {', '.join(target.row_key)} LIMIT 5")  # noqa: S608 - declared names
    print(f"\nRows of {one.target}:\n{render_table(rows)}\n")
    metadata = f'{one.target[:-1]}$partitions"'
    partitions = one.query(f"SELECT partition, record_count, file_count FROM {metadata} ORDER BY 1")  # noqa: S608
    print(f"Partitions:\n{render_table(partitions)}\n")
    count = f"SELECT count(*) AS n, max({partition}) AS newest FROM {one.target}"  # noqa: S608 - declared names
    whole = one.query(count)
    day = (whole.rows[0][1] or "")[:10]
    filtered = one.query(f"{count} WHERE {partition} >= TIMESTAMP '{day} 00:00:00'")
    print(f"Scanned without a filter: {whole.bytes_scanned} bytes for {whole.rows[0][0]} rows")
    print(f"Scanned with {partition} >= {day}: {filtered.bytes_scanned} bytes for {filtered.rows[0][0]} rows\n")
    print(f"Run report:\n{_report(one)}\n", flush=True)


def _report(one: LocalPipeline) -> str:
    s3 = one.client("s3")
    listed = s3.list_objects_v2(Bucket=one.bucket, Prefix="runs/")["Contents"]
    newest = max(listed, key=lambda entry: (entry["LastModified"], entry["Key"]))
    report = json.loads(s3.get_object(Bucket=one.bucket, Key=newest["Key"])["Body"].read())
    return json.dumps(report, indent=1, ensure_ascii=False)


def _compare(one: LocalPipeline) -> None:
    shown, wanted = one.shown_rows(), one.expected_rows()
    one.say(f"compared {len(shown)} rows out of Athena with {len(wanted)} that DynamoDB's items make")
    if shown != wanted:
        missing, extra = set(wanted) - set(shown), set(shown) - set(wanted)
        raise RunFailedError(
            f"the rows differ: {len(missing)} missing (for example {min(missing, key=sort_key, default=None)}), "
            f"{len(extra)} too many (for example {min(extra, key=sort_key, default=None)})"
        )


if __name__ == "__main__":
    raise SystemExit(main())
