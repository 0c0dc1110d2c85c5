"""Requests for exports: tokens, refusals, what point-in-time recovery holds, lists."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws.process import RunningLocalAws
from tests.local_aws.dynamo import Place, make_place, switch_pitr


def test_one_token_is_one_export(place: Place) -> None:
    at, token = place.next_edge(), uuid.uuid4().hex
    first = place.export(ExportTime=at, ClientToken=token)
    second = place.export(ExportTime=at, ClientToken=token)
    assert first["ExportArn"] == second["ExportArn"]
    with pytest.raises(ClientError, match="ExportConflictException"):
        place.export(ExportTime=at, ClientToken=token, S3Prefix="elsewhere")


def test_a_token_is_free_again_eight_hours_after_the_end(place: Place) -> None:
    at, token = place.next_edge(), uuid.uuid4().hex
    first = place.export(ExportTime=at, ClientToken=token)
    place.running.ask("POST", "/_local/clock", {"advance": 8 * 3600 + 1})
    assert place.export(ExportTime=at, ClientToken=token)["ExportArn"] != first["ExportArn"]


def test_an_export_into_no_bucket_fails_with_its_reason(place: Place) -> None:
    at, token = place.next_edge(), uuid.uuid4().hex
    arn = place.arn
    wrong = {"TableArn": arn, "S3Bucket": f"{place.bucket}-not", "ExportTime": at, "ClientToken": token}
    failed = place.wait(place.dynamodb.export_table_to_point_in_time(**wrong)["ExportDescription"]["ExportArn"])
    assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    again = place.dynamodb.export_table_to_point_in_time(**wrong)["ExportDescription"]
    assert again["ExportArn"] == failed["ExportArn"], "a failed export keeps its token"


def test_windows_outside_what_aws_takes_are_refused(place: Place) -> None:
    start = place.next_edge(2 * 86400)
    latest = place.now()
    minute = timedelta(minutes=1)
    for first, last in (
        (start, start + 14 * minute),
        (start, start + 24 * 60 * minute + minute),
        (start - 60 * minute, start),
        (latest - 20 * minute, latest + 5 * minute),
        (start + 30 * minute, start),
    ):
        with pytest.raises(ClientError, match="InvalidExportTimeException"):
            place.export_window(first.replace(microsecond=0), last.replace(microsecond=0))
    with pytest.raises(ClientError, match="InvalidExportTimeException"):
        place.export(ExportTime=latest + 5 * minute)
    assert place.export_window(start, start + 15 * minute)["ExportStatus"] == "COMPLETED"
    assert place.export_window(start, start + 24 * 60 * minute)["ExportStatus"] == "COMPLETED"


def test_without_pitr_or_table_the_error_is_awss(running: RunningLocalAws, client: Callable[..., Any]) -> None:
    bare = make_place(running, client, pitr=False)
    with pytest.raises(ClientError, match="PointInTimeRecoveryUnavailableException"):
        bare.export()
    with pytest.raises(ClientError, match="TableNotFoundException"):
        bare.dynamodb.export_table_to_point_in_time(TableArn=f"{bare.arn}-not", S3Bucket=bare.bucket)


def test_listing_gives_arn_status_and_type_a_page_at_a_time(place: Place) -> None:
    at = place.next_edge()
    made = [place.export(ExportTime=at)["ExportArn"] for _ in range(27)]
    first = place.dynamodb.list_exports(TableArn=place.arn)
    second = place.dynamodb.list_exports(TableArn=place.arn, NextToken=first["NextToken"])
    assert (len(first["ExportSummaries"]), len(second["ExportSummaries"])) == (25, 2)
    assert "NextToken" not in second
    listed = first["ExportSummaries"] + second["ExportSummaries"]
    assert {one["ExportArn"] for one in listed} == set(made)
    assert all(one.keys() == {"ExportArn", "ExportStatus", "ExportType"} for one in listed)
    with pytest.raises(ClientError, match="NextToken made-up"):
        place.dynamodb.list_exports(TableArn=place.arn, NextToken="made-up")


def test_what_a_shorter_recovery_period_drops_does_not_come_back_with_a_longer_one(place: Place) -> None:
    def set_days(days: int) -> datetime:
        recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
        answer = place.dynamodb.update_continuous_backups(
            TableName=place.table, PointInTimeRecoverySpecification=recovery
        )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        earliest: datetime = answer["EarliestRestorableDateTime"]
        return earliest

    begun = set_days(35)
    place.next_edge(seconds=100_000)
    assert set_days(35) == begun
    shortened = set_days(1)
    assert shortened > begun
    assert set_days(35) - shortened < timedelta(seconds=10)
    with pytest.raises(ClientError, match="ValidationException"):
        place.dynamodb.update_continuous_backups(
            TableName=place.table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 3},
        )


def test_pitr_switched_off_and_on_starts_anew(place: Place) -> None:
    place.dynamodb.put_item(TableName=place.table, Item={"pk": {"S": "u"}, "sk": {"N": "1"}})
    before = place.next_edge()
    switch_pitr(place.dynamodb, place.table, on=False)
    place.next_edge()
    switch_pitr(place.dynamodb, place.table, on=True)
    place.next_edge()
    with pytest.raises(ClientError, match="InvalidExportTimeException"):
        place.export(ExportTime=before)
    assert len(place.read_lines(place.export(ExportTime=place.next_edge()))) == 1, "the items themselves are there"
