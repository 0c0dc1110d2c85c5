"""What the UI shows: Markdown of DAGs and tasks, tooltips of groups."""

from __future__ import annotations

from include.dynamo_lake.declaration import Pipeline

GROUPS = {
    "capture": "Read what changed: exports of what is planned, source crawlers, contract check",
    "merge": "Name the batch, apply it with one Glue job run",
    "verify": "Count and check the merged snapshot before anybody sees it",
    "publish": "Move readers to it, take the windows off the plan, keep the catalog in step, announce it",
}

TASKS = {
    "plan": "Decides **what this run works on** and keeps that in `state/coverage.json` before anything is started. A plan that "
    "cannot be met (missing table, no point-in-time recovery, a range in the future, a gap) fails here and says what to do.",
    "hear": "Takes **all** wake-up calls off the queue and looks into the inbox. Skips the run where the inbox is empty and "
    "nothing new is to be told, or before the first bootstrap; in mode `on_change` maintenance that is due is work too. A "
    "message that is no wake-up call is put aside under `rejected/_messages/`, with the reason.",
    "crawl_source": "Starts the crawler that catalogs this DynamoDB table; skipped where it has run today and the declaration says "
    "`crawl.policy = daily`, and with a warning where Glue refuses it. The merge never reads a crawled schema.",
    "wait_crawl": "Waits for that crawler, giving its worker slot back between two looks. A source's crawl that fails is skipped with a "
    "warning: rows do not depend on it. The output's fails the run, after the rows are published. One that was stopped is skipped.",
    "export": "One export of one planned window (or the full table) of one source, with point-in-time recovery. A finished or "
    "running export of the same item is **reused**; the task is deferred while DynamoDB works.",
    "check_contract": "Compares the tables with the declaration: another **key** fails the run; new attributes and odd "
    "types are warned of once, and listed in the run report as long as they hold.",
    "build_batch": "Reads the exports' manifests, checks counts and checksums, lists the inbox, and writes one batch manifest. "
    "With nothing to apply and nothing left over the run goes **straight to finish**.",
    "glue_job": "Runs the merge job once for this batch, deferred. A run of the same batch is found in any state; a taken slot is "
    "waited for; killing the task stops the run.",
    "counts": "Every record of the manifests must be accounted for: applied, stale or quarantined. Too many quarantined items fail.",
    "check": "A declared check through Athena at the merged snapshot, over everything since the published one. It passes when it "
    "finds no row.",
    "snapshot": "Moves the readers' table to the verified snapshot in one conditional update, forwards only.",
    "finish": "Moves applied change files out of the inbox and takes the applied windows off the plan: `covered_through` moves on. An "
    "object that S3 does not let go stays there, with a warning.",
    "run_again": "Starts the next run at once where the inbox held more than one run takes (`inbox.max_run_mib`, 20,000 "
    "files): its success is an event of the wake-up asset. Skipped where nothing is left, or nothing could be moved.",
    "crawl_output": "Starts the output crawler where it is due, no merge is under way and the lake's head is published, so that no "
    "crawl shows an unverified snapshot.",
    "assert_pointer": "Puts the readers' table back to the published snapshot if anyone moved it, also in a run that failed.",
    "differences": "Tells what the comparison found, by source and kind, with the first keys; all of them lie in the bucket. The "
    "same text becomes the run's note.",
    "announce": "Sends the asset event: windows, `complete_through`, snapshot, rows, bytes, lag, estimated cost.",
}


def hourly_doc(pipeline: Pipeline) -> str:
    """Markdown of the hourly DAG."""
    return f"""### {pipeline.title}: every change of the last hour, to `{pipeline.target.table}`

{pipeline.description}

Exports what changed in {_tables(pipeline)} since the lake's last window, merges it, verifies the new snapshot and lets readers see it.
The lake remembers what it covers: a failed, cleared or skipped run is caught up by the next one.

- **Run a range again**: Trigger, *Start* and *End*. What was applied before is applied again; the result is the same.
- **How fresh is the table?** Assets, `{pipeline.name}_analytics.{pipeline.target.table}`: `complete_through` of the newest event.
- **First run, or a gap**: run `{pipeline.name}_bootstrap`.
"""


def bootstrap_doc(pipeline: Pipeline) -> str:
    """Markdown of the bootstrap DAG."""
    return f"""### {pipeline.title}: read the tables whole, once

{pipeline.description}

Exports {_tables(pipeline)} in full as of now and makes `{pipeline.target.table}` from them. Run it once before
all others, and again when a run reports a **gap** (point-in-time recovery was off, or nothing ran for longer
than it reaches): it repairs the tables, removes what is gone, and undoes nothing newer.
"""


def on_change_doc(pipeline: Pipeline) -> str:
    """Markdown of the on-change DAG."""
    return f"""### {pipeline.title}: what has just changed, to `{pipeline.target.table}`

{pipeline.description}

A write to {_tables(pipeline, "or")} reaches this DAG by itself: stream, function, change file in the inbox, wake-up call on the queue. A
run takes the whole inbox, merges, verifies and publishes it as every run does. The message is a call, the inbox is the list
of work: lost, doubled and late messages are harmless, and {_sweeper(pipeline)} takes what nobody called for.

- **Start it from outside**: `POST /api/v2/dags/{pipeline.name}_on_change/dagRuns` with `"logical_date": null`.
- **Nothing arrives**: see "Wake-up age" and "Capture age" in `docs/runbook.md`.
"""


def _sweeper(pipeline: Pipeline) -> str:
    return f"`{pipeline.name}_hourly`" if pipeline.schedule.mode == "both" else f"a run by `{pipeline.schedule.cron}`"


def reconcile_doc(pipeline: Pipeline) -> str:
    """Markdown of the reconcile DAG."""
    return f"""### {pipeline.title}: is the lake what the tables are?

Takes every window up to now, then compares every mirror row with full exports of {_tables(pipeline)} at the
same instant. Differences (missing, extra, different) are in the run's note, and all of them in the bucket. Every declared check
runs over the whole table.

- **Repair** puts right what differs; what is newer than the exports is not touched.
- **Rebuild**, after the declaration was mended, makes `{pipeline.target.table}` and the quarantine anew from the mirrors.
"""


def _tables(pipeline: Pipeline, word: str = "and") -> str:
    return f" {word} ".join(f"`{source.table}`" for source in pipeline.sources)
