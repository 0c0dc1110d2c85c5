"""A reconciliation of the shipped pipeline: a lie of the stream is heard, found, told, and put right, all in one run."""

from __future__ import annotations

import gzip
import json

import pytest

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.names import COVERAGE_KEY
from include.dynamo_lake.windows import parse_instant
from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.test_campaign_hours import USERS, newest_report, progress, put, read_state, task

pytestmark = pytest.mark.spark

KEYS = {"userID": {"S": "lied of"}, "campaignID": {"S": "c1"}}


def tell_a_lie(campaign: LocalPipeline) -> None:
    """Put a stream record of an item that never was into the inbox, as of the last covered second."""
    covered = Coverage.from_json(read_state(campaign, COVERAGE_KEY)).covered_through
    assert covered is not None
    record = {
        "Metadata": {"ApproximateCreationSecond": int(covered.timestamp())},
        "Keys": KEYS,
        "NewImage": progress("lied of", {"S": "2026-11-05"}, [task(1)]),
        "SequenceNumber": "1" * 21,
    }
    body = gzip.compress((json.dumps(record) + "\n").encode())
    campaign.client("s3").put_object(Bucket=campaign.bucket, Key="inbox/user_campaign/lie.json.gz", Body=body)


def note_of_the_run(dag_id: str) -> str | None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id)).all()
        return runs[-1].note


def test_a_repair_finds_what_is_wrong_tells_it_and_puts_it_right(campaign: LocalPipeline) -> None:
    if not campaign.client("s3").list_objects_v2(Bucket=campaign.bucket, Prefix=COVERAGE_KEY).get("KeyCount"):
        assert campaign.run("bootstrap")
    tell_a_lie(campaign)
    put(campaign, USERS, progress("changed meanwhile", {"S": "2026-11-06"}, [task(1), task(2)]))
    campaign.advance(3600)
    assert campaign.run("reconcile", {"repair": True})
    report = newest_report(campaign)
    found = report["reconciled"]
    assert found["sources"]["user_campaign"] | {"compared": 0} == {
        "compared": 0, "newer": 0, "missing": 0, "extra": 1, "different": 0,
    }  # fmt: skip
    assert sum(found["sources"]["campaign_info"][kind] for kind in ("missing", "extra", "different")) == 0
    assert found["at"] <= report["started_at"] <= report["finished_at"], (
        "local AWS's clock, an hour ahead of this machine's"
    )
    key = f"{found['differences']}user_campaign/00000.jsonl"
    (line,) = read_state(campaign, key).decode().splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["key"]) == ("extra", '[{"S":"lied of"},{"S":"c1"}]')
    assert campaign.shown_rows() == campaign.expected_rows() != []
    note = note_of_the_run("campaign_reconcile") or ""
    assert "user_campaign: 0 missing, 1 extra, 0 different" in note
    assert note.endswith("Repaired.")
    covered = Coverage.from_json(read_state(campaign, COVERAGE_KEY))
    assert (covered.covered_through, covered.plan) == (parse_instant(found["at"]), ())
