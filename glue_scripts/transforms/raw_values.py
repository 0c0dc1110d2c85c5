"""Raw DynamoDB values as Spark's ``from_json`` writes them into string columns: ``{"S":"u1"}``, no spaces.

A raw value is null where the attribute is absent or JSON ``null``. The usual form is told by one regular expression;
what is odd is evaluated apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from glue_scripts.transforms.expressions import evaluated_once, literal
from include.dynamo_lake.typing_rules import SHOWN_CHARACTERS

NULL_TEXT = '{"NULL":true}'
_NO_ESCAPES = r'[^"\\]*'


def is_null(raw: str) -> str:
    """Whether a raw value says that there is none."""
    return f"({raw} IS NULL OR {raw} = {literal(NULL_TEXT)})"


def has_tag(raw: str, tag: str) -> str:
    """Whether a raw value's first tag is this one."""
    opening = literal(f'{{"{tag}":')
    return f"startswith({raw}, {opening})"


def tagged_text(raw: str, tags: Sequence[str]) -> str:
    """The text of a raw value that has one of these tags (S, N) alone and a JSON string in it; else null."""
    backslash = literal("\\")
    odd = evaluated_once(raw, "raw", _escaped_text("raw", tags))
    return (
        f"CASE WHEN {has_form(raw, tags, _NO_ESCAPES)} THEN {text_within(raw)} "
        f"WHEN contains({raw}, {backslash}) THEN {odd} END"
    )


def has_form(raw: str, tags: Sequence[str], form: str) -> str:
    """Whether a raw value has one of these tags alone and a text of this form (a regular expression without quotes and
    backslashes in what it takes).
    """
    any_tag = "|".join(tags)
    whole = literal(rf'(?s)^[{{]"(?:{any_tag})":"{form}"[}}](?!.)')
    return f"rlike({raw}, {whole})"


def text_within(raw: str) -> str:
    """The text of a raw value with one tag of one letter and no escapes."""
    prefix, around = len('{"S":"'), len('{"S":""}')
    return f"substr({raw}, {prefix + 1}, length({raw}) - {around})"


def canonical(raw: str) -> str:
    """A raw value of string members in the domain's canonical form: Spark's parser writes characters beyond U+FFFF as
    two escapes, its writer as they are. Members of other kinds are left as the parser wrote them.
    """
    escape, strings = literal("\\uD"), literal('^[{]"[A-Z]+":"')
    is_odd = f"contains({raw}, {escape}) AND rlike({raw}, {strings})"
    return f"CASE WHEN {is_odd} THEN to_json(from_json({raw}, 'MAP<STRING,STRING>')) ELSE {raw} END"


def shown(raw: str) -> str:
    """A rejected value as quarantine keeps it."""
    return f"left({canonical(raw)}, {SHOWN_CHARACTERS})"


def _escaped_text(raw: str, tags: Sequence[str]) -> str:
    """The same for a value with escapes in it: taken apart by a parser, once it is sure to have one member."""
    any_tag = "|".join(tags)
    backslash, quote = literal("\\\\"), literal('\\"')
    single = literal(rf'(?s)^[{{]"(?:{any_tag})":"[^"]*"[}}](?!.)')
    is_single = f"rlike(replace(replace({raw}, {backslash}, ''), {quote}, ''), {single})"
    schema = literal(", ".join(f"`{tag}` STRING" for tag in tags))
    texts = ", ".join(f"from_json({raw}, {schema}).{tag}" for tag in tags)
    return f"CASE WHEN {is_single} THEN coalesce({texts}) END"
