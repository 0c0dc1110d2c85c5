"""Requests for exports, attempts told apart, and finished exports read with their checksums."""

from __future__ import annotations

from typing import Any

import pytest
from lake_airflow.exports import build_export_request, find_attempts, has_export, read_billed_bytes, read_source_export

from include.dynamo_lake.coverage import FullExport
from include.dynamo_lake.errors import ChangeFileError
from tests.plugins.exports import PREFIX, TABLE, WINDOW, put_finished, put_started
from tests.plugins.fakes import NOW, FakeClients


def test_the_token_is_the_attempts_name(clients: FakeClients) -> None:
    def token(**changed: Any) -> str:
        arguments: dict[str, Any] = {
            "bucket": "b", "prefix": PREFIX, "table_arn": TABLE, "item": WINDOW, "key_arn": "k", "spent_attempts": 0, **changed
        }  # fmt: skip
        return str(build_export_request(**arguments)["ClientToken"])

    assert token() == token()
    others = {
        token(spent_attempts=1),
        token(bucket="other"),
        token(table_arn=TABLE + "2"),
        token(key_arn="k2"),
        token(key_arn=None),
        token(item=FullExport(NOW)),
        token(),
    }
    assert len(others) == 7


def test_a_full_export_is_asked_for_as_of_its_instant(clients: FakeClients) -> None:
    request = build_export_request("b", "p/", TABLE, FullExport(NOW), "key", 0)
    assert (request["ExportType"], request["ExportTime"]) == ("FULL_EXPORT", NOW)


def test_attempts_are_told_apart(clients: FakeClients) -> None:
    put_finished(clients, "0001")
    put_started(clients, "0002", "FAILED")
    put_started(clients, "0003", "IN_PROGRESS")
    clients.s3.objects[f"{PREFIX}AWSDynamoDB/0004/_started"] = b""
    attempts = find_attempts(clients.s3, clients.dynamodb, "b", PREFIX, TABLE)
    assert [attempt.state for attempt in attempts] == ["finished", "failed", "running", "gone"]


def test_a_failed_export_covers_nothing(clients: FakeClients) -> None:
    put_started(clients, "0001", "FAILED")
    assert not has_export(clients.s3, clients.dynamodb, "b", "orders", WINDOW, TABLE)
    put_started(clients, "0002", "IN_PROGRESS")
    assert has_export(clients.s3, clients.dynamodb, "b", "orders", WINDOW, TABLE)


def test_a_finished_export_is_read_with_sizes_and_billed_bytes(clients: FakeClients) -> None:
    arn = put_finished(clients)
    export = read_source_export(clients.s3, "b", "orders", WINDOW, arn)
    assert [(file.records, file.bytes) for file in export.files] == [(2, 5)]
    assert read_billed_bytes(clients.s3, "b", export, since=NOW) == 77


@pytest.mark.parametrize("name", ["manifest-summary.json", "manifest-files.json", "manifest-files.md5"])
def test_a_missing_manifest_is_named(clients: FakeClients, name: str) -> None:
    arn = put_finished(clients)
    del clients.s3.objects[f"{PREFIX}AWSDynamoDB/0001/{name}"]
    with pytest.raises(ChangeFileError, match=name):
        read_source_export(clients.s3, "b", "orders", WINDOW, arn)


def test_a_manifest_that_was_changed_is_named(clients: FakeClients) -> None:
    arn = put_finished(clients)
    clients.s3.objects[f"{PREFIX}AWSDynamoDB/0001/manifest-files.json"] += b"\n"
    with pytest.raises(ChangeFileError, match=r"manifest-files.json does not match its checksum"):
        read_source_export(clients.s3, "b", "orders", WINDOW, arn)


def test_a_data_file_that_is_gone_is_named(clients: FakeClients) -> None:
    arn = put_finished(clients)
    del clients.s3.objects[f"{PREFIX}AWSDynamoDB/data/x.json.gz"]
    with pytest.raises(ChangeFileError, match=r"x.json.gz is missing"):
        read_source_export(clients.s3, "b", "orders", WINDOW, arn)


def test_without_a_key_the_files_are_encrypted_as_the_bucket_is() -> None:
    request = build_export_request("b", PREFIX, TABLE, WINDOW, None, 0)
    assert [name for name in request if name.startswith("S3Sse")] == []
