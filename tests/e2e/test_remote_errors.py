"""AWS fails now and then: each failure is survived by a retry.

Goes on from the lake that the tests before it left.
"""

from __future__ import annotations

import pytest

from include.laptop.local_pipeline import LocalPipeline
from tests.e2e.soundness import DAY_S, TARGET, arm, change, require_sound, strikes_left

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
)


def test_a_run_in_which_every_service_fails_now_and_then_ends_green(lake: LocalPipeline) -> None:
    change(lake)
    lake.advance(DAY_S)  # its crawlers are due again
    for target, code, status, match, times in STORM:
        arm(lake, target=target, code=code, status=status, match=match, times=times)
    assert lake.run("hourly")
    assert strikes_left(lake) == 0
    require_sound(lake)
