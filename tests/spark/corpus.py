"""A generated corpus of images: every typing rule, every tag, at every path of a source, and the oddities."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from include.dynamo_lake.declaration import Column

TIMESTAMPS = (
    "", "2026-01-02", "2026-01-02T03:04", "2026-01-02T03:04Z", "2026-01-02 03:04:05,5+0700", "2026-01-02t03:04:05.123456-23:59",
    "2026-01-02T03:04:05+07", "2026-02-30", "2024-02-29T23:59:59z", "2026-01-02T24:00", "2026-01-02T03:04:60",
    "2026-01-02T03:04:05.1234567", "20260102T030405Z", " 2026-01-02", "2026-01-02\n", "1970-01-01T00:00:00+01:00",
    "1969-12-31T23:59:59-01:00", "2199-12-31T23:59:59.999999", "2199-12-31T23:59:59-01:00", "2200-01-01", "0000-01-01",
    "9999-12-31T23:59-23:59", "1700000000", "1.7E9", "1700000000000", "1700000000000.5", "1700000000.1234567",
    "99999999999", "99999999999.999999", "100000000000", "99999999999999", "100000000000000", "100000000000000.5",
    "7258118399", "7258118400", "7258118399999999", "-1", "-0", "0", "-0.0", "1e300", "1e-300", "1E3", "1_000", "NaN",
    "Infinity", "00000000000000000000001700000000", 'x\\"y', "é", "x\ud800",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "1.5", "123456789012", "1234567890123", "1.123456", "1.1234567", "1.1234560", "1E5", "1E12", "1E11", "1e-6",
    "1e-7", "0.0000010e0", "-3", "+4", ".5", "5.", "", ".", " 1", "1 ", "0x1", "1e1000", "1e999", "0e999",
    "000000000000000000000000000000000000000000001", "999999999999.999999", "9999999999999", "٣", "1\n", "123E-8", "100000000E-8",
)  # fmt: skip
STRINGS = ("plain", "", 'quo"te', "back\\slash", "uni\u2028é😀", "\u0001\u001f")
TAGS = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X")
CONTENTS: tuple[Any, ...] = ("x", 5, 1.5, True, None, [], {}, {"S": "x"}, ["a"], [{"S": "a"}], "true")
RAWS: tuple[Any, ...] = (
    None, 5, [], {}, {"S": "a", "N": "1"}, {"S": "2026-01-01", "X": "1"}, {"NULL": True, "S": "a"},
)  # fmt: skip
# DynamoDB nests attributes so deep.
DEEPEST = 32
LISTS: tuple[Any, ...] = (
    {"L": []}, {"NULL": True}, None, {"S": "x"}, {"L": None}, {"L": {}}, {"L": "x"}, {"L": [5]}, {"L": [None]}, {"L": [{"M": {}}]},
    {"L": [{"S": "x"}]}, {"L": [{}]}, {"L": [], "S": "x"}, {}, [], 5, {"L": [{"M": 5}]}, {"L": [{"M": []}]}, {"M": {}},
    {"L": [{"M": {"taskID": {"S": "a"}}}, {"M": {"taskID": {"S": "b"}}, "S": "x"}]},
    {"L": [{"M": {"taskID": {"N": "1"}}}, 5]}, {"L": [[{"M": {"taskID": {"S": "a"}}}]]},
    {"L": [{"M": {"taskID": {"S": "a"}}}] * 300},
)  # fmt: skip


def images(columns: Sequence[Column], list_name: str) -> list[str]:
    """Raw images of a source with these columns, each sound but for one value."""
    return [json.dumps(image) for image in _images(columns, list_name)]


def _images(columns: Sequence[Column], list_name: str) -> Iterator[dict[str, Any]]:
    for column in columns:
        if column.attribute is not None:
            for raw in _raw_values():
                if column.attribute.list is None:
                    yield _base(list_name) | {column.attribute.name: raw}
                else:
                    image = _base(list_name)
                    image[list_name]["L"].append({"M": {"taskID": {"S": "t2"}, column.attribute.name: raw}})
                    yield image
    for raw in LISTS:
        yield _base(list_name) | {list_name: raw}
        yield _base(list_name) | {list_name: raw, "createdAt": {"S": "bad"}}
    yield _base(list_name) | {list_name: {"L": [{"M": {"taskID": {"S": "z" * 400_000}}}]}}
    yield _base(list_name) | {"other": _nested(DEEPEST)}
    yield _base(list_name) | {"other": {"S": '\\"' * 20_000}, "userCampaignProgressState": {"S": '\\"' * 20_000}}


def _raw_values() -> Iterator[Any]:
    for text in TIMESTAMPS + NUMBERS + STRINGS:
        yield {"S": text}
        yield {"N": text}
    for tag in TAGS:
        for content in CONTENTS:
            yield {tag: content}
    yield from RAWS
    yield _nested(DEEPEST)


def _nested(depth: int) -> dict[str, Any]:
    """Maps and lists within each other."""
    value: dict[str, Any] = {"S": '"x\\'}
    for level in range(depth):
        value = {"M": {"a": value}} if level % 2 else {"L": [value]}
    return value


def _base(list_name: str) -> dict[str, Any]:
    entries: dict[str, Any] = {"L": [{"M": {"taskID": {"S": "t"}}}]}
    return {
        "userID": {"S": "u"},
        "campaignID": {"S": "c"},
        "createdAt": {"S": "2026-01-02T03:04:05Z"},
        list_name: entries,
    }
