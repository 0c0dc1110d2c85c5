"""AWS fails: each failure is survived by a retry, or ends in an error that says what to do; readers keep what was verified.

Goes on from the lake that the tests before it left.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.dynamo_lake.coverage import Coverage
from include.dynamo_lake.manifests import export_prefix
from include.dynamo_lake.names import COVERAGE_KEY
from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.killing import run_and_kill
from tests.e2e.kills import Kill
from tests.e2e.soundness import (
    DAY_S,
    LOOKUP_MIRROR,
    MIRROR,
    TARGET,
    arm,
    change,
    job_runs,
    list_keys,
    read,
    require_sound,
    strikes_left,
)

pytestmark = [pytest.mark.spark, pytest.mark.deep]

# One more than botocore tries a call by itself, where it does at all.
STORM = (
    ("DynamoDB_20120810.ExportTableToPointInTime", "ThrottlingException", 400, "", 5),
    ("DynamoDB_20120810.DescribeExport", "ExpiredTokenException", 400, "", 1),
    ("AWSGlue.GetJobRuns", "InternalServiceException", 500, "", 5),
    ("AWSGlue.StartJobRun", "ConcurrentRunsExceededException", 400, "", 1),
    ("AWSGlue.StartCrawler", "CrawlerRunningException", 400, "", 1),
    ("AWSGlue.UpdateTable", "ConcurrentModificationException", 400, TARGET, 1),
    ("AmazonAthena.StartQueryExecution", "TooManyRequestsException", 400, "", 5),
    ("s3.PUT", "SlowDown", 503, "/batches/", 5),
    ("s3.PUT", "InternalError", 500, "/state/published.json", 5),
    # What the Glue job alone asks for: the change files' lines, and to write and commit the tables.
    ("s3.GET", "SlowDown", 503, ".json.gz", 1),
    ("s3.PUT", "InternalError", 500, "/warehouse/", 1),
    ("AWSGlue.UpdateTable", "InternalServiceException", 500, MIRROR, 1),
    ("AWSGlue.UpdateTable", "ExpiredTokenException", 400, LOOKUP_MIRROR, 1),
)
# Calls that are served, or are not, without an answer: the caller cannot know which, as where its time is out.
UNANSWERED = (
    ("s3.PUT", "/state/coverage.json", "answer"),
    ("DynamoDB_20120810.ExportTableToPointInTime", "", "answer"),
    ("AWSGlue.StartCrawler", "", "answer"),
    ("s3.PUT", "/batches/", "request"),
    ("AWSGlue.StartJobRun", "", "answer"),
    ("AWSGlue.GetJobRun", "", "request"),
    ("s3.PUT", "/warehouse/", "request"),
    ("AWSGlue.UpdateTable", MIRROR, "answer"),
    ("AWSGlue.UpdateTable", TARGET, "answer"),
    ("s3.PUT", "/runs/", "answer"),
    ("AmazonAthena.StartQueryExecution", "", "answer"),
    ("AmazonAthena.GetQueryExecution", "", "request"),
    ("s3.PUT", "/state/published.json", "answer"),
    ("AWSGlue.UpdateTable", "campaign_analytics", "answer"),
)


@pytest.fixture(autouse=True)
def _disarmed(lake: LocalPipeline) -> Iterator[None]:
    """A test that fails leaves the next ones nothing."""
    yield
    arm(lake)


def ends(lake: LocalPipeline) -> list[str]:
    """How the job runs of the newest batch ended, the oldest first."""
    runs = job_runs(lake)
    batch_id = runs[0]["Arguments"]["--batch_id"]
    return [run["JobRunState"] for run in reversed(runs) if run["Arguments"]["--batch_id"] == batch_id]


def test_a_run_in_which_every_service_fails_now_and_then_ends_green(lake: LocalPipeline) -> None:
    change(lake)
    lake.advance(DAY_S)  # its crawlers are due again
    for target, code, status, match, times in STORM:
        arm(lake, target=target, code=code, status=status, match=match, times=times)
    assert lake.run("hourly")
    assert strikes_left(lake) == 0
    require_sound(lake)


def test_an_export_that_conflicts_with_another_names_the_remedy_and_the_next_run_takes_its_window(
    lake: LocalPipeline, said: list[str]
) -> None:
    change(lake)
    shown = lake.shown_rows()
    arm(lake, target="DynamoDB_20120810.ExportTableToPointInTime", code="ExportConflictException")
    assert not lake.run("hourly")
    told = next(line for line in reversed(said) if ": failed" in line)
    assert "another export used the same token with other parameters" in told
    assert lake.shown_rows() == shown
    assert lake.run("hourly")
    require_sound(lake)


def test_a_run_whose_calls_get_no_answer_ends_green(lake: LocalPipeline) -> None:
    change(lake)
    lake.advance(DAY_S)
    for target, match, lost in UNANSWERED:
        arm(lake, target=target, match=match, lost=lost)
    assert lake.run("hourly")
    assert strikes_left(lake) == 0
    require_sound(lake)


def test_an_exported_object_that_is_gone_stops_the_run_and_what_its_error_says_heals_it(
    lake: LocalPipeline, said: list[str]
) -> None:
    change(lake)
    assert run_and_kill(lake, "hourly", Kill("s3.PutObject", "after", "batches/"))
    folder = export_prefix("user_campaign", Coverage.from_json(read(lake, COVERAGE_KEY)).plan[-1])
    gone = next(key for key in list_keys(lake, folder) if key.endswith(".json.gz"))
    lake.client("s3").delete_object(Bucket=lake.bucket, Key=gone)
    shown = lake.shown_rows()
    assert not lake.run("hourly")
    told = next(line for line in reversed(said) if ": failed" in line)
    assert f"{gone} is missing, the export's manifest names it" in told
    assert f"delete everything below s3://{lake.bucket}/{folder}" in told
    assert lake.shown_rows() == shown
    for key in list_keys(lake, folder):
        lake.client("s3").delete_object(Bucket=lake.bucket, Key=key)
    assert lake.run("hourly")
    assert lake.shown_rows() != shown
    require_sound(lake)


def test_a_job_run_that_waits_is_taken_up_again_and_one_that_expired_is_followed_by_another(
    lake: LocalPipeline,
) -> None:
    change(lake)
    arm(lake, target="AWSGlue.StartJobRun", waits_s=10, ends="EXPIRED", message="No capacity came")
    # The first look at it ends the wait, while it waits: the next try must find it.
    arm(lake, target="AWSGlue.GetJobRun", code="ExpiredTokenException")
    arm(lake, target="AmazonAthena.StartQueryExecution", ends="FAILED", code="INTERNAL_ERROR_QUERY_ENGINE")
    assert lake.run("hourly")
    assert strikes_left(lake) == 0
    assert ends(lake) == ["EXPIRED", "SUCCEEDED"]
    require_sound(lake)


def test_a_job_run_that_ends_badly_is_followed_by_another_and_one_that_timed_out_says_what_to_raise(
    lake: LocalPipeline, said: list[str]
) -> None:
    change(lake)
    shown = lake.shown_rows()
    # Half-way in its merge; with its merge done and reported; and at its timeout.
    arm(lake, target="AWSGlue.UpdateTable", match=MIRROR, kill="after")
    for state, message in (("ERROR", "Internal service error"), ("FAILED", "Out of memory"), ("TIMEOUT", "Timed out")):
        arm(lake, target="AWSGlue.StartJobRun", ends=state, message=message)
    assert not lake.run("hourly")
    assert strikes_left(lake) == 0
    assert ends(lake) == ["ERROR", "FAILED", "TIMEOUT"]
    told = [line for line in said if "merge.glue_job: failed" in line][-1]
    assert "ended as TIMEOUT: Timed out. Remedy: raise MergeTimeoutMinutes or MergeWorkers" in told
    assert lake.shown_rows() == shown
    assert lake.run("hourly")
    require_sound(lake)
