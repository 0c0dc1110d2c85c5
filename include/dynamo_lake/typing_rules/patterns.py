"""Regular expressions of the typing rules.

Each is written so that Python's ``re`` and Java's ``java.util.regex`` read it alike (ASCII classes, no backslash,
``(?!.)`` under ``(?s)`` for the very end of the text, since ``$`` lets a final newline pass) and takes the same
groups in both. Spark uses these very constants.
"""

NUMBER = r"(?s)^([+-]?)(?=[.]?[0-9])([0-9]{0,255})(?:[.]([0-9]{0,255}))?(?:[eE]([+-]?[0-9]{1,3}))?(?!.)"
"""Groups: sign, integer digits, fraction digits, exponent. ``-3``, ``+4``, ``.5``, ``5.``, ``1e3`` and ``1.7E+9`` are
numbers; `` 1``, ``1_000``, ``0x1``, ``NaN`` and an exponent of more than three digits are not (DynamoDB's end at
125).
"""

ISO = (
    "(?s)^([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))"
    "(?:[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9])(?:[.,]([0-9]{1,6}))?)?"
    "(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?)?(?!.)"
)
"""Groups: date, hours and minutes, seconds, fraction, offset sign, offset hours, offset minutes. Whether the day
exists is for the calendar to say.
"""
