"""Change files: the merge reads every line, the name is the content's, one bad record harms no other."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.declaration import Source
from include.dynamo_lake.dynamodb_json import json_text, key_text, parse_json
from include.dynamo_lake.statements import Line, Statement, parse_inbox_line
from include.dynamo_lake.versions import stream_version
from include.stream_capture import change_files
from include.stream_capture.change_files import StreamBatch, build_batches
from include.stream_capture.lines import ChangeLine, build_line
from tests.unit.stream_capture.records import MAIN, PIPELINE, SECOND, SOURCES, arn_of, as_event, record


def one_batch(*records: Any) -> StreamBatch:
    (batch,) = build_batches(as_event(*records)["Records"], SOURCES)
    return batch


def statements(batch: StreamBatch) -> list[Statement]:
    """The change file as the merge reads it."""
    lines = gzip.decompress(batch.inbox_file()).splitlines()
    source = PIPELINE.source(batch.source)
    return [parse_inbox_line(source, text.decode(), Line(batch.inbox_key, n)) for n, text in enumerate(lines, 1)]


VALUES = st.recursive(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: {"S": text}),
        st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: {"N": str(number)}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.just({"NULL": True}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: {"L": values}),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3).map(lambda m: {"M": m}),
    ),
    max_leaves=6,
)


@given(values=st.lists(VALUES, min_size=1, max_size=5))
def test_the_merge_reads_back_exactly_what_the_stream_said(values: list[dict[str, Any]]) -> None:
    records = [record(number, NewImage={"value": value}) for number, value in enumerate(values)]
    read = statements(one_batch(*records))
    assert [one.image for one in read] == [json_text(parse_json(json.dumps({"value": value}))) for value in values]
    assert [one.key for one in read] == [key_text(MAIN.key, one["dynamodb"]["Keys"]) for one in records]
    assert [one.version for one in read] == [stream_version(SECOND + n, f"{n:021d}") for n in range(len(values))]
    assert [one.written_us for one in read] == [(SECOND + n) * 1_000_000 for n in range(len(values))]


def test_a_deletion_has_no_image_whoever_deleted_it() -> None:
    expired = record(2, "REMOVE") | {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}
    batch = one_batch(record(1, "REMOVE", OldImage={"x": {"S": "old"}}), expired)
    assert [one.image for one in statements(batch)] == [None, None]
    assert batch.rejected == ()


def test_a_fraction_of_a_second_is_rounded_down() -> None:
    (statement,) = statements(one_batch(record(1, ApproximateCreationDateTime=SECOND + 0.999)))
    assert statement.version == stream_version(SECOND, f"{1:021d}")


def test_a_batch_delivered_again_is_the_same_file_under_the_same_name() -> None:
    first, again = one_batch(record(1), record(2)), one_batch(record(1), record(2))
    assert (first.inbox_key, first.inbox_file()) == (again.inbox_key, again.inbox_file())


def test_another_order_another_member_or_another_stream_is_another_name() -> None:
    other_stream = [one | {"eventSourceARN": arn_of(MAIN, "2027-01-01T00:00:00.000")} for one in (record(1), record(2))]
    batches = [
        one_batch(record(1), record(2)),
        one_batch(record(2), record(1)),
        one_batch(record(1)),
        one_batch(*other_stream),
    ]
    assert len({batch.inbox_key for batch in batches}) == len(batches)


def test_a_name_tells_source_and_stream_in_characters_that_every_reader_takes() -> None:
    key = one_batch(record(1)).inbox_key
    folder, _, name = key.rpartition("/")
    assert folder == f"inbox/{MAIN.id}"
    assert name.startswith("20261124T020000.123-")
    assert set(name) <= set("0123456789abcdefghijklmnopqrstuvwxyzT.-")


def test_each_stream_has_a_file_of_its_own() -> None:
    lookup = PIPELINE.lookup_source
    assert lookup is not None
    batches = build_batches([record(1), record(2, source=lookup), record(3)], SOURCES)
    assert [(batch.source, len(batch.lines)) for batch in batches] == [(MAIN.id, 2), (lookup.id, 1)]


POISON = [
    (record(7, NewImage=None, StreamViewType="KEYS_ONLY"), "view type is KEYS_ONLY.*StreamViewType=NEW_IMAGE"),
    (record(7, NewImage=[1]), "the merge could not read it: .*NewImage"),
    (record(7, SequenceNumber="12x"), "'12x' is not a stream sequence number"),
    (record(7, SequenceNumber=None), "no SequenceNumber"),
    (record(7, Keys={"other": {"S": "1"}}), "key attribute 'userID' is missing"),
    (record(7, ApproximateCreationDateTime="soon"), "'soon', not seconds"),
    (record(7, ApproximateCreationDateTime=10**17), "the merge could not read it"),
    (record(7, event="UPSERT"), "eventName is 'UPSERT'"),
    (record(7) | {"eventName": ["INSERT"]}, r"eventName is \['INSERT'\]"),
    (record(7) | {"dynamodb": None}, "no object 'dynamodb'"),
    (record(7, NewImage={"note": {"S": "\ud800"}}), "the merge could not read it"),
]


@pytest.mark.parametrize(("poison", "reason"), POISON, ids=[reason for _, reason in POISON])
def test_a_poison_record_is_put_aside_with_its_reason_and_the_rest_goes_on(poison: Any, reason: str) -> None:
    batch = one_batch(record(1), poison, record(9))
    assert [one.version.sequence[-1] for one in statements(batch)] == ["1", "9"]
    (line,) = gzip.decompress(batch.rejected_file()).decode().splitlines()
    aside = json.loads(line)
    assert aside["record"] == as_event(poison)["Records"][0]
    with pytest.raises(ValueError, match=reason):
        raise ValueError(aside["reason"])


def test_an_error_that_nobody_foresaw_puts_its_record_aside_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def build_or_fail(one: dict[str, Any], source: Source) -> ChangeLine:
        if one["eventID"].endswith("-7"):
            raise RuntimeError("unforeseen")
        return build_line(one, source)

    monkeypatch.setattr(change_files, "build_line", build_or_fail)
    batch = one_batch(record(1), record(7), record(9))
    assert [one.version.sequence[-1] for one in statements(batch)] == ["1", "9"]
    assert [one.reason for one in batch.rejected] == ["RuntimeError: unforeseen"]


@pytest.mark.parametrize("foreign", [None, 17, "text", {}, {"eventSourceARN": "arn:aws:sqs:r:1:q"}])
def test_a_foreign_record_is_put_aside_under_no_source(foreign: Any) -> None:
    batches = build_batches([record(1), foreign], SOURCES)
    assert [(batch.source, len(batch.lines), len(batch.rejected)) for batch in batches] == [
        (MAIN.id, 1, 0),
        ("_unknown", 0, 1),
    ]
    assert batches[1].rejected_key.startswith("rejected/_unknown/")
    assert "no stream of a declared source's table" in batches[1].rejected[0].reason
