"""Exports against a plain model of the table's history."""

from __future__ import annotations

import json
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.local_aws import export_parts
from tests.local_aws.dynamo import Item, Place

State = dict[tuple[str, str], Item]


def item(pk: str, sk: int, text: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}, "text": {"S": text}, "list": {"L": [{"N": "1.5"}, {"NULL": True}]}}


def key_of(image: Item) -> tuple[str, str]:
    return image["pk"]["S"], image["sk"]["N"]


def write_at_random(place: Place, chance: random.Random, state: State) -> None:
    """One write of a random kind, applied to the model as well."""
    pk, sk, text = f"u{chance.randrange(4)}", chance.randrange(3), uuid.uuid4().hex
    image, key = item(pk, sk, text), {"pk": {"S": pk}, "sk": {"N": str(sk)}}
    other = item(f"v{chance.randrange(4)}", sk, text)
    kind = chance.randrange(5)
    if kind == 0:
        place.dynamodb.put_item(TableName=place.table, Item=image)
        state[key_of(image)] = image
    elif kind == 1:
        place.dynamodb.delete_item(TableName=place.table, Key=key)
        state.pop(key_of(image), None)
    elif kind == 2:
        place.dynamodb.update_item(
            TableName=place.table,
            Key=key,
            UpdateExpression="SET #t = :t",
            ExpressionAttributeNames={"#t": "text"},
            ExpressionAttributeValues={":t": {"S": text}},
        )
        state[key_of(image)] = {**key, **state.get(key_of(image), {}), "text": {"S": text}}
    elif kind == 3:
        requests = [{"PutRequest": {"Item": other}}, {"DeleteRequest": {"Key": key}}]
        place.dynamodb.batch_write_item(RequestItems={place.table: requests})
        state[key_of(other)] = other
        state.pop(key_of(image), None)
    else:
        puts = [{"Put": {"TableName": place.table, "Item": one}} for one in (image, other)]
        place.dynamodb.transact_write_items(TransactItems=puts)
        state[key_of(image)], state[key_of(other)] = image, other


@pytest.mark.parametrize("seed", range(4))
def test_windows_and_full_exports_of_random_histories_equal_the_model(place: Place, seed: int) -> None:
    chance, state = random.Random(seed), dict[tuple[str, str], Item]()
    edges, states, touched = [place.next_edge()], [dict(state)], list[set[tuple[str, str]]]()
    for _ in range(3):
        before = dict(state)
        written = set[tuple[str, str]]()
        for _ in range(chance.randrange(25)):
            previous = dict(state)
            write_at_random(place, chance, state)
            written |= {key for key in previous.keys() | state.keys() if previous.get(key) != state.get(key)}
        edges.append(place.next_edge())
        states.append(dict(state))
        touched.append({key for key in written if key in before or key in state})
    for place_no in range(3):
        old, new = states[place_no], states[place_no + 1]
        export = place.export_window(edges[place_no], edges[place_no + 1], "NEW_AND_OLD_IMAGES")
        lines = {key_of(line["Keys"]): line for line in place.read_lines(export)}
        assert lines.keys() == touched[place_no]
        for key, line in lines.items():
            assert line.get("NewImage") == new.get(key)
            assert line.get("OldImage") == old.get(key)
            written_us = int(line["Metadata"]["WriteTimestampMicros"]["N"])
            start, end = (edge.timestamp() * 1e6 for edge in edges[place_no : place_no + 2])
            assert start <= written_us < end
    for at, expected in zip(edges, states, strict=True):
        lines_at = place.read_lines(place.export(ExportTime=at))
        assert {key_of(line["Item"]): line["Item"] for line in lines_at} == expected


def test_the_new_image_view_carries_no_old_image(place: Place) -> None:
    place.dynamodb.put_item(TableName=place.table, Item=item("u", 1, "first"))
    start = place.next_edge()
    place.dynamodb.put_item(TableName=place.table, Item=item("u", 1, "second"))
    (line,) = place.read_lines(place.export_window(start, place.next_edge()))
    assert line["NewImage"]["text"] == {"S": "second"}
    assert "OldImage" not in line


def test_all_value_types_come_out_as_dynamodb_writes_them(place: Place) -> None:
    image = {
        "pk": {"S": "ünï\u2028"},
        "sk": {"N": "-1.250"},
        "big": {"N": "12345678901234567890123456789012345678"},
        "bytes": {"B": b"\x00\xff"},
        "sets": {"SS": ["b", "a"]},
        "numbers": {"NS": ["2", "1"]},
        "flag": {"BOOL": False},
        "map": {"M": {"deep": {"L": [{"S": ""}]}}},
    }
    place.dynamodb.put_item(TableName=place.table, Item=image)
    (line,) = place.read_lines(place.export(ExportTime=place.next_edge()))
    assert line["Item"] == image | {"sk": {"N": "-1.25"}, "bytes": {"B": "AP8="}}


def test_a_key_spelled_otherwise_is_refused_because_the_base_would_miss_its_item(place: Place) -> None:
    place.dynamodb.put_item(TableName=place.table, Item=item("u", 1, "text"))
    key = {"pk": {"S": "u"}, "sk": {"N": "1.0"}}
    for call in (place.dynamodb.delete_item, place.dynamodb.get_item):
        with pytest.raises(ClientError, match="write the number as 1"):
            call(TableName=place.table, Key=key)


def test_refused_writes_leave_no_trace(place: Place) -> None:
    start = place.next_edge()
    with pytest.raises(ClientError):
        place.dynamodb.put_item(
            TableName=place.table, Item=item("u", 1, "text"), ConditionExpression="attribute_exists(pk)"
        )
    assert place.read_lines(place.export_window(start, place.next_edge())) == []


def test_concurrent_writers_end_in_the_tables_own_state(place: Place) -> None:
    def write(worker: int) -> None:
        for turn in range(40):
            place.dynamodb.put_item(TableName=place.table, Item=item(f"u{turn % 3}", 0, f"{worker}-{turn}"))

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(write, range(6)))
    lines = place.read_lines(place.export(ExportTime=place.next_edge()))
    scanned = place.dynamodb.scan(TableName=place.table)["Items"]
    assert sorted((line["Item"] for line in lines), key=key_of) == sorted(scanned, key=key_of)


def test_the_layout_is_aws(place: Place) -> None:
    start = place.next_edge()
    place.dynamodb.put_item(TableName=place.table, Item=item("u", 1, "text"))
    end = place.next_edge()
    full = place.export(ExportTime=end, S3Prefix="a/full")
    part = place.export_window(start, end, S3Prefix="a/part")
    keys = {one["Key"] for one in place.s3.list_objects_v2(Bucket=place.bucket)["Contents"]}
    for export, root, data_root in (
        (full, f"a/full/AWSDynamoDB/{export_id(full)}", f"a/full/AWSDynamoDB/{export_id(full)}/data/"),
        (part, f"a/part/AWSDynamoDB/{export_id(part)}", "a/part/AWSDynamoDB/data/"),
    ):
        names = (
            "_started",
            "manifest-summary.json",
            "manifest-summary.md5",
            "manifest-files.json",
            "manifest-files.md5",
        )
        assert {f"{root}/{name}" for name in names} <= keys
        assert export["ExportManifest"] == f"{root}/manifest-summary.json"
        assert len([key for key in keys if key.startswith(data_root) and key.endswith(".json.gz")]) == 1
    summary = json.loads(place.read(part["ExportManifest"]))
    assert summary["exportFromTime"] == start.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert summary["exportToTime"] == end.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert (summary["outputView"], summary["outputFormat"]) == ("NEW_IMAGE", "DYNAMODB_JSON")


def export_id(export: dict[str, Any]) -> str:
    return str(export["ExportArn"]).rpartition("/")[2]


def test_many_items_come_in_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_parts, "ITEMS_PER_FILE", 3)
    lines = iter([b"{}\n"] * 7)
    counts = []
    while (part := export_parts.next_part(lines)) is not None:
        counts.append(part.item_count)
    assert counts == [3, 3, 1]
