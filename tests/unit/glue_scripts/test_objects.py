"""The pipeline's bucket: what S3 does not delete is told, however many objects it did."""

from __future__ import annotations

from typing import Any

import pytest

from glue_scripts.storage.objects import Bucket, DeletionFailedError


class DeletingS3:
    """Deletes objects by the thousand, but for one that is held."""

    def __init__(self, held: str = "") -> None:
        self.held = held
        self.deleted: list[list[str]] = []

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - as boto3 names them
        assert (Bucket, Delete["Quiet"]) == ("lake", True)
        keys = [named["Key"] for named in Delete["Objects"]]
        self.deleted.append([key for key in keys if key != self.held])
        denied = {"Key": self.held, "Code": "AccessDenied", "Message": "Access Denied"}
        return {"Errors": [denied]} if self.held in keys else {}


@pytest.fixture
def keys() -> list[str]:
    return [f"warehouse/orders/data/{number}.parquet" for number in range(1001)]


def bucket_of(client: DeletingS3, patch: pytest.MonkeyPatch) -> Bucket:
    patch.setattr(Bucket, "_client", client)
    return Bucket("lake")


def test_objects_are_deleted_a_thousand_at_a_time(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    client = DeletingS3()
    bucket_of(client, monkeypatch).delete(keys)
    assert client.deleted == [keys[:1000], keys[1000:]]


@pytest.mark.parametrize("held", [0, 1000])
def test_an_object_that_s3_keeps_is_named_with_s3s_words(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], held: int
) -> None:
    bucket = bucket_of(DeletingS3(keys[held]), monkeypatch)
    with pytest.raises(
        DeletionFailedError, match=rf"s3://lake/{keys[held]} was not deleted: Access Denied\..*s3:Delete"
    ):
        bucket.delete(keys)
