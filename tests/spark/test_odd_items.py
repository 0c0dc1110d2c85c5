"""Odd items through a whole merge, out of every kind of change file into the tables: halves of characters, NUL, members that
stand twice, the deepest, the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pyspark.sql import SparkSession

from include.dynamo_lake.reference import expected_tables
from include.dynamo_lake.reports import RunReport
from tests.histories.declarations import mended_declaration
from tests.histories.engine import FileBatch, ReferenceEngine, statements_of
from tests.histories.story import at, full, window
from tests.histories.tables import ChangeFile
from tests.spark.conftest import new_engine
from tests.spark.corpus import DEEPEST
from tests.spark.engine import SparkEngine

PIPELINE = mended_declaration()
FULL, WINDOW, HEARD_AT = full(10), window(10, 12), at(11)

# Contents of JSON strings. DynamoDB holds 400 KB an item.
SHORT = (
    "x\\ud800", "\\udc00x", "x\\ud83d\\ude00", "😀", "x\\u0000y", "\\u0001\\b\\u001f\\u007f", "é\u2028\u0085\ufeff", '\\"\\\\\\/',
)  # fmt: skip
LARGE = ("z" * 390_000, '\\"' * 195_000)
NESTED = '{"L":[{"M":{"a":' * (DEEPEST // 2) + '{"S":"x"}' + "}}]}" * (DEEPEST // 2)
VALUES = (
    *(f'{{"S":"{text}"}}' for text in SHORT),
    NESTED, '{"S":"2026-01-03","S":"2026-01-04"}', '{"S":"2026-01-03","N":"1"}', '{ "S" : "2026-01-03" }', '{"N":"1e-7"}',
    '{"N":"123456789012.123456"}', '{"NULL":true}', '{"NS":["1","2"]}', '{"BOOL":true}', "{}", "null", "12345678901234567890",
)  # fmt: skip
LISTS = (
    *('{"L":[]}', '{"L":null}', '{"L":{}}', '{"L":[{"S":"x"}]}', '{"L":[{"M":{}},5]}'),
    '{"L":[{"M":{"taskID":{"S":"a"},"taskID":{"S":"b"}}}]}',
    *(f'{{"L":[{{"M":{{"taskID":{{"S":"{text}"}}}}}}]}}' for text in LARGE),
)
TWICE = (
    '"createdAt":{"S":"2026-01-05"}',
    '"other":1,"other":2',
    '"progressDetails":{"L":[]}',
    '"campaignTasks":{"L":[]}',
)
OWN = {
    "progressDetails": ("createdAt", "updatedAt", "userCampaignProgressState", "totalTaskRewardsEarned", "other"),
    "campaignTasks": ("createdAt", "other"),
}
OF_ENTRIES = {
    "progressDetails": ("taskID", "rewardEarned", "validationFailureReason"),
    "campaignTasks": ("taskID", "taskDeadline"),
}


def odd_items(list_name: str) -> Iterator[str]:
    """Members of items beside their keys, each item sound but for one thing."""
    sound = {"createdAt": '{"S":"2026-01-02T03:04:05Z"}', list_name: '{"L":[{"M":{"taskID":{"S":"t"}}}]}'}
    for value in VALUES:
        yield from (_members(sound | {name: value}) for name in OWN[list_name])
        for name in OF_ENTRIES[list_name]:
            entry = _members({"taskID": '{"S":"t"}', name: value})
            yield _members(sound | {list_name: f'{{"L":[{{"M":{{{entry}}}}}]}}'})
    yield from (_members(sound | {name: f'{{"S":"{text}"}}'}) for text in LARGE for name in ("createdAt", "other"))
    yield from (_members(sound | {list_name: value}) for value in LISTS)
    yield from (f"{_members(sound)},{again}" for again in TWICE)


def items_of_odd_keys(list_name: str) -> Iterator[tuple[str, str]]:
    """Keys with the other members: both sources have each campaign and, twice in the lookup, its one task."""
    for text in SHORT:
        value = f'{{"S":"{text}"}}'
        keys = {"userID": value, "campaignID": value} if list_name == "progressDetails" else {"campaignID": value}
        entries = (f'{{"M":{{"taskID":{value},"taskDeadline":{{"S":"2026-05-{day}"}}}}}}' for day in ("01", "02"))
        listed = f'{{"L":[{",".join(entries)}]}}'
        yield _members(keys), _members({"createdAt": '{"S":"2026-01-02"}', list_name: listed})


def _members(members: dict[str, str]) -> str:
    return ",".join(f'"{name}":{value}' for name, value in members.items())


def change_files(source: str, list_name: str) -> tuple[ChangeFile, ...]:
    """A full export, a window and a stream's file: every odd key is in all of them, of the other items each in one."""
    named = ("campaignID",) if source == "campaign_info" else ("userID", "campaignID")
    keyed = list(items_of_odd_keys(list_name))
    items = [
        (_members(dict.fromkeys(named, f'{{"S":"{number}"}}')), members)
        for number, members in enumerate(odd_items(list_name))
    ]
    exported, changed, heard = ([*keyed, *items[part::3]] for part in range(3))
    second = f'"Metadata":{{"ApproximateCreationSecond":{HEARD_AT.timestamp():.0f}}},"SequenceNumber":"{10**20}"'
    return (
        ChangeFile(source, FULL, f"full-{source}", tuple(f'{{"Item":{{{k},{m}}}}}' for k, m in exported)),
        ChangeFile(source, WINDOW, f"window-{source}", tuple(_change('"Metadata":{}', k, m) for k, m in changed)),
        ChangeFile(source, None, f"inbox/{source}/1.json.gz", tuple(_change(second, k, m) for k, m in heard)),
    )


def _change(stamp: str, keys: str, members: str) -> str:
    return f'{{{stamp},"Keys":{{{keys}}},"NewImage":{{{keys},{members}}}}}'


@dataclass(frozen=True)
class Merged:
    """One batch of all these files, merged by Spark and by the reference."""

    files: tuple[ChangeFile, ...]
    reference: ReferenceEngine
    engine: SparkEngine
    report: RunReport


@pytest.fixture(scope="module")
def merged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    files = (*change_files("user_campaign", "progressDetails"), *change_files("campaign_info", "campaignTasks"))
    reference, engine = ReferenceEngine(PIPELINE), new_engine(spark, PIPELINE, tmp_path_factory.mktemp("odd"))
    batch = FileBatch("odd", files, at(100), None)
    reference.apply(batch, None)
    engine.apply(batch, None)
    assert engine.report is not None
    return Merged(files, reference, engine, engine.report)


@pytest.mark.deep
def test_odd_items_end_in_the_tables_as_they_were_stated(merged: Merged) -> None:
    shown = merged.engine.tables()
    assert min(len(shown.target), len(shown.quarantine)) > 90
    fulls = [(source.id, FULL.at) for source in PIPELINE.sources]
    assert shown == expected_tables(PIPELINE, statements_of(PIPELINE, merged.files), fulls)


@pytest.mark.deep
def test_every_odd_statement_is_counted_once(merged: Merged) -> None:
    for file in merged.files:
        counts = merged.report.statements[file.source]
        assert counts.read == sum(len(one.lines) for one in merged.files if one.source == file.source)
        assert counts.read == counts.applied + counts.stale + counts.quarantined
        assert counts.stale == 2 * len(SHORT)


@pytest.mark.deep
def test_what_became_null_and_what_stands_again_is_counted_as_by_the_reference(merged: Merged) -> None:
    counts = merged.reference.counts
    assert counts is not None
    assert merged.report.nulled_fields == counts.nulled_fields
    assert merged.report.repeated_lookup_entries == counts.repeated_lookup_entries == len(SHORT)
