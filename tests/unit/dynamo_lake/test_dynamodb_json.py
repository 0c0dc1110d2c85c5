"""Canonical text: the same key from Python as from Spark."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dynamo_lake.declaration import KeyAttribute
from include.dynamo_lake.dynamodb_json import json_text, key_text, parse_json, single_member


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u1", '[{"S":"u1"}]'),
        ('a"b\\c/d', '[{"S":"a\\"b\\\\c/d"}]'),
        ("ü 🎉 \u2028\x7f", '[{"S":"ü 🎉 \u2028\x7f"}]'),
        ("\b\t\n\f\r", '[{"S":"\\b\\t\\n\\f\\r"}]'),
        ("\x00\x1f", '[{"S":"\\u0000\\u001F"}]'),
        ("a\ud800b", '[{"S":"a?b"}]'),
    ],
)
def test_a_keys_text_escapes_as_jackson_does(text: str, expected: str) -> None:
    assert key_text([KeyAttribute("id", "S")], {"id": {"S": text}}) == expected


def test_a_key_is_in_declared_order_and_numbers_are_verbatim() -> None:
    key = [KeyAttribute("b", "N"), KeyAttribute("a", "S")]
    assert key_text(key, {"a": {"S": "x"}, "b": {"N": "10"}, "c": {"S": "y"}}) == '[{"N":"10"},{"S":"x"}]'


@pytest.mark.parametrize("raw", [None, {}, {"N": "1"}, {"S": 1}, {"S": "1", "N": "1"}, "x"])
def test_a_key_attribute_of_another_type_is_named(raw: Any) -> None:
    with pytest.raises(ValueError, match="key attribute 'id'"):
        key_text([KeyAttribute("id", "S")], {"id": raw})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_JSON)
def test_canonical_text_means_the_same_json(value: Any) -> None:
    written = json_text(parse_json(json.dumps(value)))
    assert json.loads(written) == json.loads(json.dumps(value))
    assert json_text(parse_json(written)) == written


def test_bare_numbers_keep_their_digits() -> None:
    digits = "9" * 5000
    assert json_text(parse_json(f'{{"a": {digits},"b":1E+400}}')) == f'{{"a":{digits},"b":1E+400}}'


def test_an_object_that_repeats_a_member_is_written_as_it_stands_and_its_last_one_counts() -> None:
    parsed = parse_json('{"a":{"S":"x","S":"y"},"a":{"S":"z"}}')
    assert json_text(parsed) == '{"a":{"S":"x","S":"y"},"a":{"S":"z"}}'
    assert parsed["a"] == {"S": "z"}


def test_a_value_that_repeats_its_tag_has_no_tag() -> None:
    assert single_member(parse_json('{"S":"x","S":"x"}')) == ("", None)
    assert single_member(parse_json('{"S":"x"}')) == ("S", "x")
