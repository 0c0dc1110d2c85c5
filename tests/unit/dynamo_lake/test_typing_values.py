"""Typing rules, value by value: what is accepted, what it becomes, and what is refused."""

# ruff: noqa: DTZ001 - naive UTC is the contract of the lake's timestamps

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.declaration import Attribute, Column
from include.dynamo_lake.typing_rules import Rejected, parse_value
from include.dynamo_lake.typing_rules.numbers import parse_decimal, parse_number
from include.dynamo_lake.typing_rules.timestamps import parse_timestamp

TIMESTAMP = Column("t", "timestamp", "item", Attribute(None, "t"), ("S", "N"), required=False, on_error="quarantine")
DECIMAL = replace(TIMESTAMP, type="decimal(18,6)")
STRING = replace(TIMESTAMP, type="string", accept=("S",))
REJECTED = Rejected()
NOON = datetime(2026, 11, 24, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", datetime(2026, 11, 24)),
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24T12:00:00", NOON),
        ("2026-11-24T12:00", NOON),
        ("2026-11-24 12:00:00", NOON),
        ("2026-11-24t12:00:00z", NOON),
        ("2026-11-24T19:00:00+07:00", NOON),
        ("2026-11-24T19:00:00+0700", NOON),
        ("2026-11-24T19:00+07", NOON),
        ("2026-11-24T06:30:00-05:30", NOON),
        ("2026-11-24T12:00:00-00:00", NOON),
        ("2026-11-25T11:59:00+23:59", NOON),
        ("2026-11-24T12:00:00.5Z", datetime(2026, 11, 24, 12, 0, 0, 500_000)),
        ("2026-11-24T12:00:00.123456Z", datetime(2026, 11, 24, 12, 0, 0, 123_456)),
        ("2026-11-24T12:00:00,120Z", datetime(2026, 11, 24, 12, 0, 0, 120_000)),
        ("2024-02-29", datetime(2024, 2, 29)),
        ("2025-01-01T00:00:00+07:00", datetime(2024, 12, 31, 17)),
        ("1969-12-31T23:00:00-05:00", datetime(1970, 1, 1, 4)),
        ("2199-12-31T23:59:59.999999Z", datetime(2199, 12, 31, 23, 59, 59, 999_999)),
        ("2200-01-01T00:00:00+01:00", datetime(2199, 12, 31, 23)),
        ("1764000000", datetime(2025, 11, 24, 16)),
        ("1764000000000", datetime(2025, 11, 24, 16)),
        ("1764000000000000", datetime(2025, 11, 24, 16)),
        ("1764000000.000001", datetime(2025, 11, 24, 16, 0, 0, 1)),
        ("1764000000000.001", datetime(2025, 11, 24, 16, 0, 0, 1)),
        ("1764000000000000.000", datetime(2025, 11, 24, 16)),
        ("1.764E9", datetime(2025, 11, 24, 16)),
        ("1764000000.0000000000", datetime(2025, 11, 24, 16)),
        ("0", datetime(1970, 1, 1)),
        ("-0", datetime(1970, 1, 1)),
        ("2026", datetime(1970, 1, 1, 0, 33, 46)),
        ("7258118399", datetime(2199, 12, 31, 23, 59, 59)),
        ("100000000000", datetime(1973, 3, 3, 9, 46, 40)),
        ("100000000000000", datetime(1973, 3, 3, 9, 46, 40)),
    ],
)
def test_a_timestamp_is_its_instant_in_utc(text: str, expected: datetime) -> None:
    assert parse_value(TIMESTAMP, {"S": text}) == expected
    if parse_number(text):
        assert parse_value(TIMESTAMP, {"N": text}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        " 2026-11-24",
        "2026-11-24 ",
        "2026-11-24\n",
        "2026-11-24T",
        "2026-11-24Z",
        "2026-11-24T12Z",
        "2026-11-24T12:00:00 Z",
        "2026-11-24  12:00:00",
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-11-31T12:00:00Z",
        "2026-1-1",
        "20261124T120000Z",
        "2026-W48-2",
        "2026-328",
        "2026-11",
        "24.11.2026",
        "2026-11-24T24:00:00Z",
        "2026-11-24T23:59:60Z",
        "2026-11-24T12:60:00Z",
        "2026-11-24T12:00:00.Z",
        "2026-11-24T12:00.5Z",
        "2026-11-24T12:00:00.1234567Z",
        "2026-11-24T12:00:00+24:00",
        "2026-11-24T12:00:00+07:60",
        "2026-11-24T12:00:00+7:00",
        "2026-11-24T12:00:00 UTC",
        "+2026-11-24",
        "-2026-11-24",
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "2200-01-01",
        "2199-12-31T23:59:59-01:00",
        "２０２６-11-24",
        "٢٠٢٦-11-24",
        "-1",
        "-0.000001",
        "1764000000.0000001",
        "1764000000000.0001",
        "1764000000000000.1",
        "7258118400",
        "99999999999",
        "7258118400000",
        "7258118400000000",
        "1e999999999",
        "1E+125",
        "1E-130",
        "NaN",
        "Infinity",
        "1_764_000_000",
    ],
)
def test_a_text_that_is_no_timestamp_is_refused(text: str) -> None:
    assert parse_value(TIMESTAMP, {"S": text}) == REJECTED
    assert parse_value(TIMESTAMP, {"N": text}) == REJECTED


def test_a_number_tag_holds_epochs_only() -> None:
    assert parse_value(TIMESTAMP, {"N": "2026-11-24"}) == REJECTED
    assert parse_value(TIMESTAMP, {"N": ""}) == REJECTED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.50", "12.500000"),
        ("-3", "-3.000000"),
        ("+4", "4.000000"),
        ("1e3", "1000.000000"),
        ("1E+3", "1000.000000"),
        ("2500E-3", "2.500000"),
        (".5", "0.500000"),
        ("5.", "5.000000"),
        ("007", "7.000000"),
        ("0.000001", "0.000001"),
        ("0.0000010000", "0.000001"),
        ("123456789012.123456", "123456789012.123456"),
        ("-999999999999.999999", "-999999999999.999999"),
        ("0e999", "0.000000"),
        ("-0.0", "0.000000"),
        ("1" + "0" * 100 + "E-100", "1.000000"),
    ],
)
def test_a_decimal_is_exact_at_its_scale(text: str, expected: str) -> None:
    for tag in ("S", "N"):
        value = parse_value(DECIMAL, {tag: text})
        assert isinstance(value, Decimal)
        assert str(value) == expected


NOT_NUMBERS = (
    "",
    " 1",
    "1 ",
    "1\n",
    "much",
    "1,5",
    "1 000",
    "1_000",
    "0x10",
    "NaN",
    "Infinity",
    "-",
    "+",
    ".",
    "e3",
    "1e",
    "1e+",
    "--1",
    "１２",
    "٣",
)
NOT_FITTING = (
    "0.0000001",
    "1234567890123",
    "1e12",
    "1E+125",
    "1E-130",
    "1e999999999",
    "1e-999999999",
    "0e1000",
    "9" * 256,
)


@pytest.mark.parametrize("text", [*NOT_NUMBERS, *NOT_FITTING])
def test_a_text_that_is_no_number_or_does_not_fit_is_refused(text: str) -> None:
    assert parse_value(DECIMAL, {"S": text}) == REJECTED
    assert parse_value(DECIMAL, {"N": text}) == REJECTED


def test_a_huge_exponent_is_refused_at_once() -> None:
    start = perf_counter()
    for text in ("1e999999999", "1E+999", "1" * 255 + "." + "1" * 255 + "E999", "9" * 400_000):
        assert parse_decimal(text, 38, 0) is None
        assert parse_timestamp(text) is None
    assert perf_counter() - start < 1


@pytest.mark.parametrize("text", ["", " ", "open", "dönE 🎉", "null", "line\nbreak", 'quote"', "\u0000", "x" * 100_000])
def test_a_string_stays_as_it_is(text: str) -> None:
    assert parse_value(STRING, {"S": text}) == text


@pytest.mark.parametrize("column", [TIMESTAMP, DECIMAL, STRING])
@pytest.mark.parametrize("raw", [None, {"NULL": True}])
def test_absent_and_null_are_null_for_every_type(column: Column, raw: Any) -> None:
    assert parse_value(column, raw) is None


def test_an_empty_text_is_null_for_a_timestamp_only() -> None:
    assert parse_value(TIMESTAMP, {"S": ""}) is None
    assert parse_value(DECIMAL, {"S": ""}) == REJECTED
    assert parse_value(STRING, {"S": ""}) == ""


@pytest.mark.parametrize("column", [TIMESTAMP, DECIMAL, STRING])
@pytest.mark.parametrize(
    "raw",
    [
        {"BOOL": True},
        {"B": "MTIz"},
        {"M": {}},
        {"L": []},
        {"SS": ["1"]},
        {"NS": ["1"]},
        {"BS": ["MQ=="]},
        {"NULL": False},
        {"NULL": "true"},
        {"X": "1"},
        {},
        {"S": "1", "N": "1"},
        {"S": None},
        {"S": 1},
        {"N": 1},
        {"S": {"S": "1"}},
        "1",
        1,
        True,
        ["1"],
    ],
)
def test_other_tags_and_malformed_values_are_refused(column: Column, raw: Any) -> None:
    assert parse_value(column, raw) == REJECTED


def test_a_tag_that_the_column_does_not_accept_is_refused() -> None:
    assert parse_value(STRING, {"N": "1"}) == REJECTED
    assert parse_value(replace(DECIMAL, accept=("N",)), {"S": "1"}) == REJECTED


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999)))
def test_every_instant_survives_being_written_as_iso_8601(instant: datetime) -> None:
    assert parse_timestamp(instant.isoformat()) == instant
    assert parse_timestamp(instant.isoformat(sep=" ") + "Z") == instant


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13), st.integers(0, 8))
def test_a_decimal_is_taken_exactly_when_it_fits(number: Decimal, scale: int) -> None:
    parsed = parse_decimal(str(number), 18, scale)
    fits = number == round(number, scale) and abs(number) < Decimal(10) ** (18 - scale)
    assert (parsed is not None) == fits
    assert parsed is None or (parsed == number and parsed.as_tuple().exponent == -scale)
