"""Numbers as text to exact decimals: judged by their digits, never rounded. Equal to the domain's typing rules."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from glue_scripts.transforms.raw_values import evaluated_once
from include.dynamo_lake.typing_rules import NUMBER


def exact_decimal(text: Column, precision: int, scale: int) -> Column:
    """The number in ``text`` as decimal(precision, scale); null where it is no number or does not fit exactly."""
    integer_digits = precision - scale
    plain = rf"^[+-]?[0-9]{{1,{max(integer_digits, 1)}}}" + (rf"([.][0-9]{{1,{scale}}})?" if scale else "") + "(?!.)"
    is_plain = F.rlike(text, F.lit(f"(?s){plain}")) if integer_digits else F.lit(False)
    as_decimal = text.try_cast(f"decimal({precision},{scale})")
    odd = evaluated_once(text, lambda literal: _odd_literal(literal, precision, scale))
    return F.when(is_plain, as_decimal).when(text.isNotNull(), odd)


def _odd_literal(text: Column, precision: int, scale: int) -> Column:
    return F.when(F.rlike(text, F.lit(NUMBER)), _by_digits(text, precision, scale))


def _by_digits(text: Column, precision: int, scale: int) -> Column:
    """Any other literal: take its significant digits and exponent apart, and put them together again if they fit."""
    sign, integer, fraction, exponent = (F.regexp_extract(text, NUMBER, group) for group in (1, 2, 3, 4))
    written = F.concat(integer, fraction)
    digits = F.regexp_replace(written, "0+$", "")
    significant = F.regexp_replace(digits, "^0+", "")
    power = F.when(exponent == "", F.lit("0")).otherwise(exponent).try_cast("int")
    lowest = power - F.length(fraction) + F.length(written) - F.length(digits)
    fits = (lowest >= -scale) & (F.length(significant) + lowest <= precision - scale)
    minus = F.when(sign == "-", F.lit("-")).otherwise(F.lit(""))
    literal = F.concat(minus, significant, F.lit("E"), lowest.cast("string"))
    kind = f"decimal({precision},{scale})"
    return F.when(significant == "", F.lit(0).cast(kind)).when(fits, literal.try_cast(kind))
