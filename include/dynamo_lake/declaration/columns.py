"""A declaration as parsed from TOML, and the columns in it."""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]


def column_of(target: Table, name: str) -> Table | None:
    """The column of that name; None where there is none."""
    return next((column for column in target["columns"] if column.get("name") == name), None)
