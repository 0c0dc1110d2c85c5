"""Typing rules: raw DynamoDB values to typed values, exactly, or a rejection that says which path, which value and
which rule.
"""

from include.dynamo_lake.typing_rules.items import (
    LookupEntry,
    TypedItem,
    TypedLookupItem,
    lookup_columns,
    lookup_key_columns,
    placement_day,
    type_item,
    type_lookup_item,
    type_source_item,
)
from include.dynamo_lake.typing_rules.patterns import ISO, NUMBER
from include.dynamo_lake.typing_rules.values import (
    RULE_LIST,
    RULE_REQUIRED,
    SHOWN_CHARACTERS,
    Rejected,
    Rejection,
    Value,
    parse_value,
)

__all__ = [
    "ISO",
    "NUMBER",
    "RULE_LIST",
    "RULE_REQUIRED",
    "SHOWN_CHARACTERS",
    "LookupEntry",
    "Rejected",
    "Rejection",
    "TypedItem",
    "TypedLookupItem",
    "Value",
    "lookup_columns",
    "lookup_key_columns",
    "parse_value",
    "placement_day",
    "type_item",
    "type_lookup_item",
    "type_source_item",
]
