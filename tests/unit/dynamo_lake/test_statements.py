"""Lines of change files become statements; a bad one is named by file and line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import ChangeFileError
from include.dynamo_lake.statements import Line, parse_full_line, parse_inbox_line, parse_incremental_line
from include.dynamo_lake.versions import export_version, stream_version

SOURCE = read_declaration("campaign").main
END = datetime(2026, 11, 24, 2, tzinfo=UTC)
KEYS = {"campaignID": {"S": "c1"}, "userID": {"S": "u1"}}
KEY = '[{"S":"u1"},{"S":"c1"}]'
LINE = Line("inbox/x/0.json.gz", 7)


def inbox(**changed: Any) -> str:
    record = {
        "Metadata": {"ApproximateCreationSecond": 1764000000},
        "Keys": KEYS,
        "SequenceNumber": "123",
        "NewImage": KEYS,
    }
    return json.dumps({name: value for name, value in {**record, **changed}.items() if value is not ...})


def test_a_full_exports_line_is_the_item_at_its_instant() -> None:
    statement = parse_full_line(SOURCE, json.dumps({"Item": {**KEYS, "n": {"N": "1"}}}), END, LINE)
    assert (statement.source, statement.key, statement.version) == ("user_campaign", KEY, export_version(END))
    assert json.loads(statement.image or "") == {**KEYS, "n": {"N": "1"}}


@pytest.mark.parametrize("stamp", [{"N": "1764000000000001"}, "1764000000000001", 1764000000000001])
def test_a_windows_line_is_as_of_the_windows_end_whenever_it_was_written(stamp: Any) -> None:
    record = {"Metadata": {"WriteTimestampMicros": stamp}, "Keys": KEYS, "NewImage": KEYS, "OldImage": {"x": 1}}
    statement = parse_incremental_line(SOURCE, json.dumps(record), END, LINE)
    assert (statement.version, statement.written_us) == (export_version(END), 1764000000000001)


def test_a_line_without_new_image_is_a_deletion() -> None:
    assert parse_incremental_line(SOURCE, json.dumps({"Keys": KEYS}), END, LINE).image is None
    assert parse_inbox_line(SOURCE, inbox(NewImage=...), LINE).image is None


@pytest.mark.parametrize("second", [1764000000, "1764000000", {"N": "1764000000"}])
def test_an_inbox_line_is_as_of_its_second_and_sequence_number(second: Any) -> None:
    statement = parse_inbox_line(SOURCE, inbox(Metadata={"ApproximateCreationSecond": second}), LINE)
    assert statement.version == stream_version(1764000000, "123")


def test_texts_keep_every_character_and_numbers_every_digit() -> None:
    item = {**KEYS, "s": {"S": 'ü 🎉 "\\\u0001\n'}, "n": {"N": "12345678901234567890123456789012345678"}}
    image = parse_full_line(SOURCE, json.dumps({"Item": item}), END, LINE).image
    assert image is not None
    assert json.loads(image) == item
    assert '{"S":"ü 🎉 \\"\\\\\\u0001\\n"}' in image


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"Keys": {}} x', "not JSON"),
        ('{"Keys": NaN}', "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        (inbox(Keys=...), "no object 'Keys'"),
        (inbox(Keys={"userID": {"S": "u1"}}), "key attribute 'campaignID' is missing"),
        (inbox(Keys={**KEYS, "userID": {"N": "1"}}), 'key attribute \'userID\' is {"N":"1"}, declared as {"S": "…"}'),
        (inbox(Keys={**KEYS, "userID": {"S": 1}}), "key attribute 'userID'"),
        (inbox(NewImage=[]), "no object 'NewImage'"),
        (inbox(Metadata=...), "no object 'Metadata'"),
        (inbox(Metadata={}), "no SequenceNumber"),
        (inbox(SequenceNumber=...), "no SequenceNumber"),
        (inbox(SequenceNumber=5), "no SequenceNumber"),
        (inbox(SequenceNumber="5a"), "not a stream sequence number"),
        (inbox(SequenceNumber="9" * 41), "not a stream sequence number"),
        (
            inbox(Metadata={"ApproximateCreationSecond": 1.5}),
            "Metadata.ApproximateCreationSecond is 1.5, not a whole number",
        ),
        (inbox(Metadata={"ApproximateCreationSecond": 10**17}), "beyond any calendar"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(text: str, problem: str) -> None:
    with pytest.raises(ChangeFileError) as raised:
        parse_inbox_line(SOURCE, text, LINE)
    assert "inbox/x/0.json.gz, line 7: " in str(raised.value)
    assert problem in str(raised.value)


def test_a_full_exports_line_without_item_is_named() -> None:
    with pytest.raises(ChangeFileError, match=r"0\.json\.gz, line 7: no object 'Item'"):
        parse_full_line(SOURCE, inbox(), END, LINE)
