"""Numbers as text to exact decimals: judged by their digits, never rounded. Equal to the domain's typing rules."""

from __future__ import annotations

from glue_scripts.transforms.expressions import evaluated_once, literal
from include.dynamo_lake.typing_rules import NUMBER


def plain_decimal(precision: int, scale: int) -> str:
    """What a number looks like whose digits fit as they stand (a regular expression)."""
    whole = precision - scale
    fraction = f"(?:[.][0-9]{{1,{scale}}})?" if scale else ""
    return f"[+-]?[0-9]{{1,{whole}}}{fraction}" if whole else "(?!)"


def exact_decimal(text: str, precision: int, scale: int) -> str:
    """The number in ``text`` as decimal(precision, scale); null where it is no number or does not fit exactly."""
    usual = literal(f"(?s)^{plain_decimal(precision, scale)}(?!.)")
    odd = evaluated_once(text, "number", _odd_literal("number", precision, scale))
    cast = f"try_cast({text} AS DECIMAL({precision},{scale}))"
    return f"CASE WHEN rlike({text}, {usual}) THEN {cast} WHEN {text} IS NOT NULL THEN {odd} END"


def _odd_literal(text: str, precision: int, scale: int) -> str:
    """Any other literal: take its digits and exponent apart, and put them together again if they fit."""
    sign, integer, fraction, exponent = (f"regexp_extract({text}, {literal(NUMBER)}, {n})" for n in (1, 2, 3, 4))
    parts = (
        f"named_struct('minus', if({sign} = '-', '-', ''), 'written', {integer} || {fraction}, "
        f"'power', try_cast(if({exponent} = '', '0', {exponent}) AS INT) - length({fraction}))"
    )
    digits = "regexp_replace(part.written, '0+$', '')"
    stripped = (
        f"named_struct('minus', part.minus, 'digits', regexp_replace({digits}, '^0+', ''), "
        f"'lowest', part.power + length(part.written) - length({digits}))"
    )
    kind = f"DECIMAL({precision},{scale})"
    fits = f"value.lowest >= {-scale} AND length(value.digits) + value.lowest <= {precision - scale}"
    number = f"try_cast(value.minus || value.digits || 'E' || CAST(value.lowest AS STRING) AS {kind})"
    result = f"CASE WHEN value.digits = '' THEN CAST(0 AS {kind}) WHEN {fits} THEN {number} END"
    put_together = evaluated_once(evaluated_once(parts, "part", stripped), "value", result)
    return f"CASE WHEN rlike({text}, {literal(NUMBER)}) THEN {put_together} END"
