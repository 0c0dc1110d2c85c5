"""Numbers as text: whether they fit a decimal exactly, decided on the digits so that a huge exponent costs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

from include.dynamo_lake.typing_rules.patterns import NUMBER

_NUMBER = re.compile(NUMBER)


@dataclass(frozen=True)
class Number:
    """A number by its digits: ``digits`` without leading or trailing zeros (empty for zero) times ten to
    ``exponent``.
    """

    is_negative: bool
    digits: str
    exponent: int

    def fits(self, precision: int, scale: int) -> bool:
        """Whether decimal(precision, scale) holds the number exactly."""
        return not self.digits or (self.exponent >= -scale and len(self.digits) + self.exponent <= precision - scale)

    def to_decimal(self, precision: int, scale: int) -> Decimal:
        """The number at exactly ``scale`` digits after the point; it must fit. Zero has no sign."""
        if not self.digits:
            return Decimal((0, (0,), -scale))
        unscaled = int(self.digits) * 10 ** (self.exponent + scale)
        return Decimal(-unscaled if self.is_negative else unscaled).scaleb(-scale, Context(prec=precision))


def parse_number(text: str) -> Number | None:
    """Read a decimal literal (see ``NUMBER``); None for anything else."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    sign, integer, fraction, exponent = (group or "" for group in match.groups())
    written = integer + fraction
    digits = written.rstrip("0")
    lowest = int(exponent or "0") - len(fraction) + len(written) - len(digits)
    significant = digits.lstrip("0")
    return Number(sign == "-" and bool(significant), significant, lowest if significant else 0)


def parse_decimal(text: str, precision: int, scale: int) -> Decimal | None:
    """The number in ``text`` as decimal(precision, scale), or None where it is no number or does not fit exactly."""
    number = parse_number(text)
    return number.to_decimal(precision, scale) if number and number.fits(precision, scale) else None
