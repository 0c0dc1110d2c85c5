"""The present in a query is local AWS's, not the machine's."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp


def with_present(tree: exp.Query, now: datetime) -> exp.Query:
    """Put the instant `now` (aware UTC) in for `current_timestamp` and its kin, in milliseconds as Trino has them."""
    moment = now.replace(tzinfo=None)
    seconds = moment.isoformat(sep=" ", timespec="milliseconds")
    literals: dict[type[exp.Expr], tuple[str, str]] = {
        exp.CurrentTimestamp: (f"{seconds}+00:00", "TIMESTAMPTZ"),
        exp.Localtimestamp: (seconds, "TIMESTAMP"),
        exp.CurrentDate: (moment.date().isoformat(), "DATE"),
        exp.CurrentTime: (moment.time().isoformat(timespec="milliseconds"), "TIME"),
        exp.Localtime: (moment.time().isoformat(timespec="milliseconds"), "TIME"),
    }
    for node in list(tree.find_all(*literals)):
        text, kind = literals[type(node)]
        node.replace(exp.cast(exp.Literal.string(text), kind, dialect="duckdb"))
    return tree
