"""The lake's tables, read from the metadata file that the catalog names."""

from __future__ import annotations

import pytest
from lake_airflow.iceberg import MetadataMissingError, read_head

from include.dynamo_lake.errors import TransientError
from tests.plugins.fakes import FakeClients

LOCATION = "s3://b/warehouse/t/metadata/00001.json"


def catalog(clients: FakeClients) -> None:
    clients.glue.put_table("lake", {"Name": "t", "Parameters": {"metadata_location": LOCATION}})


def test_a_table_that_the_catalog_does_not_have_has_no_head(clients: FakeClients) -> None:
    assert read_head(clients.glue, clients.s3, "lake", "t") is None


def test_a_metadata_file_that_is_gone_is_named_with_its_remedy_and_read_once_it_is_back(clients: FakeClients) -> None:
    catalog(clients)
    with pytest.raises(MetadataMissingError, match=f"{LOCATION} is missing.*restore that version") as caught:
        read_head(clients.glue, clients.s3, "lake", "t")
    assert isinstance(caught.value, TransientError)
    clients.s3.objects["warehouse/t/metadata/00001.json"] = b'{"table-uuid": "u"}'
    head = read_head(clients.glue, clients.s3, "lake", "t")
    assert head is not None
    assert (head.location, head.table_uuid) == (LOCATION, "u")
