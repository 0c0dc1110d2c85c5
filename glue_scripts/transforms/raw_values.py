"""Raw DynamoDB values as Spark's ``from_json`` writes them into string columns: ``{"S":"u1"}``, no spaces.

A raw value is null where the attribute is absent or JSON ``null``. The usual form is told by one regular expression;
what is odd is evaluated apart (see ``evaluated_once``), so that the generated code stays small and quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from include.dynamo_lake.typing_rules import SHOWN_CHARACTERS

NULL_TEXT = '{"NULL":true}'


def evaluated_once(value: Column, function: Callable[[Column], Column]) -> Column:
    """``function(value)`` with ``value`` bound to a variable: it may be named often, but is computed once.

    Spark interprets it instead of generating code: for paths that are seldom taken.
    """
    return F.transform(F.array(value), function)[0]


def is_null(raw: Column) -> Column:
    """Whether a raw value says that there is none."""
    return raw.isNull() | (raw == NULL_TEXT)


def has_tag(raw: Column, tag: str) -> Column:
    """Whether a raw value's first tag is this one."""
    return F.startswith(raw, F.lit(f'{{"{tag}":'))


def tagged_text(raw: Column, tags: Sequence[str]) -> Column:
    """The text of a raw value that has one of these tags (S, N) alone and a JSON string in it; else null."""
    usual = rf'(?s)^[{{]"(?:{"|".join(tags)})":"[^"\\]*"[}}](?!.)'
    body = F.substr(raw, F.lit(len('{"S":"') + 1), F.length(raw) - len('{"S":""}'))
    return F.when(F.rlike(raw, F.lit(usual)), body).when(
        F.contains(raw, F.lit("\\")), evaluated_once(raw, lambda odd: _escaped_text(odd, tags))
    )


def canonical(raw: Column) -> Column:
    """A raw value of string members in the domain's canonical form: Spark's parser writes characters beyond U+FFFF as
    two escapes, its writer as they are. Members of other kinds are left as the parser wrote them.
    """
    is_odd = F.contains(raw, F.lit("\\uD")) & F.rlike(raw, F.lit('^[{]"[A-Z]+":"'))
    return F.when(is_odd, F.to_json(F.from_json(raw, "MAP<STRING,STRING>"))).otherwise(raw)


def shown(raw: Column) -> Column:
    """A rejected value as quarantine keeps it."""
    return F.left(canonical(raw), F.lit(SHOWN_CHARACTERS))


def _escaped_text(raw: Column, tags: Sequence[str]) -> Column:
    """The same for a value with escapes in it: taken apart by a parser, once it is sure to have one member."""
    plain = F.replace(F.replace(raw, F.lit("\\\\"), F.lit("")), F.lit('\\"'), F.lit(""))
    is_single = F.rlike(plain, F.lit(rf'(?s)^[{{]"(?:{"|".join(tags)})":"[^"]*"[}}](?!.)'))
    texts = F.from_json(raw, ", ".join(f"`{tag}` STRING" for tag in tags))
    return F.when(is_single, F.coalesce(*(texts[tag] for tag in tags)))
