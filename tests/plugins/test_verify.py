"""Counts that must add up, and how much quarantine is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lake_airflow.errors import VerificationError
from lake_airflow.steps.verify import check_counts, count_problems, quarantine_problems

from include.dynamo_lake.declaration import Checks
from include.dynamo_lake.manifests import BatchManifest, ExportFile, InboxFile, SourceExport
from include.dynamo_lake.names import manifest_key, report_key
from include.dynamo_lake.reports import QuarantineCounts, RunReport, SourceQuarantine, StatementCounts
from tests.plugins.batches import EMPTY_REPORT
from tests.plugins.exports import WINDOW
from tests.plugins.fakes import NOW, FakeClients, context_of

FILE = ExportFile("k", 10, 1, "m", "e")
MANIFEST = BatchManifest(
    "b1", "p", "d", "r", NOW, NOW, (WINDOW,), (), (SourceExport("orders", WINDOW, "arn", "prefix", (FILE,)),), ()
)
INBOX = (InboxFile("orders", "inbox/orders/a.json.gz", 1, "e"),)


def counts(read: int, applied: int, stale: int = 0, quarantined: int = 0) -> StatementCounts:
    return StatementCounts(read, applied, stale, quarantined, 1, 1)


def report(quarantined: int = 0, live: int = 0, source: str = "orders", **statements: StatementCounts) -> RunReport:
    why = {"paid: decimal(18,6)": quarantined}
    told = QuarantineCounts(quarantined, 0, 0, 0.0, why, {source: SourceQuarantine(quarantined, live)})
    return replace(EMPTY_REPORT, statements=statements, quarantine=told)


def test_every_statement_accounted_for_is_no_problem() -> None:
    assert count_problems(MANIFEST, report(orders=counts(10, 7, 2, 1))) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (counts(10, 9), "10 statements were read, 9 accounted for"),
        (counts(9, 9), "the manifests list 10 statements, 9 were read"),
        (counts(11, 11), "the manifests list 10 statements, 11 were read"),
    ],
)
def test_statements_that_are_lost_or_invented_are_named(told: StatementCounts, words: str) -> None:
    (problem,) = count_problems(MANIFEST, report(orders=told))
    assert words in problem
    assert "Source orders" in problem


def test_a_source_that_the_report_leaves_out_is_named() -> None:
    assert "the report none" in count_problems(MANIFEST, report())[0]


def test_change_files_may_add_statements_but_not_take_any() -> None:
    swept = replace(MANIFEST, inbox=INBOX)
    assert count_problems(swept, report(orders=counts(12, 12))) == []
    assert len(count_problems(swept, report(orders=counts(9, 9)))) == 1


def test_statements_of_a_source_that_no_manifest_names_are_a_problem() -> None:
    told = report(orders=counts(10, 10), customers=counts(1, 1))
    assert count_problems(MANIFEST, told) == ["Source customers: the manifests list 0 statements, 1 were read"]


CHECKS = Checks(run=(), max_quarantined_share=0.5, min_quarantined_items=100)


@pytest.mark.parametrize("source", ["orders", "looked_up"])
@pytest.mark.parametrize(("items", "live", "fails"), [(99, 100, False), (100, 200, False), (100, 199, True)])
def test_quarantine_fails_only_above_both_thresholds_of_one_source(
    items: int, live: int, fails: bool, source: str
) -> None:
    problems = quarantine_problems(CHECKS, report(items, live, source))
    assert bool(problems) is fails
    assert not fails or ("paid: decimal(18,6) (100)" in problems[0] and f"source {source}: 100 items" in problems[0])


def test_a_run_that_fails_its_counts_says_that_readers_keep_the_previous_snapshot(
    clients: FakeClients, pipeline: str
) -> None:
    clients.s3.objects[manifest_key("b1")] = MANIFEST.to_json().encode()
    clients.s3.objects[report_key("b1")] = report(orders=counts(9, 9)).to_json().encode()
    with pytest.raises(VerificationError, match="readers keep the previous snapshot"):
        check_counts(pipeline, **context_of(batch={"batch_id": "b1"}))


def test_a_run_that_adds_up_returns_what_was_read(clients: FakeClients, pipeline: str) -> None:
    clients.s3.objects[manifest_key("b1")] = MANIFEST.to_json().encode()
    clients.s3.objects[report_key("b1")] = report(orders=counts(10, 10)).to_json().encode()
    assert check_counts(pipeline, **context_of(batch={"batch_id": "b1"})) == {"orders": 10}


def test_a_missing_report_is_named(clients: FakeClients, pipeline: str) -> None:
    clients.s3.objects[manifest_key("b1")] = MANIFEST.to_json().encode()
    with pytest.raises(VerificationError, match=r"runs/b1/report.json is missing"):
        check_counts(pipeline, **context_of(batch={"batch_id": "b1"}))
