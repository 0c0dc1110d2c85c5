"""The declared checks as Athena SQL: each names the first rows that should not be, and finds none when all is well.

Values get into the SQL here and nowhere else: identifiers are quoted, texts escaped, numbers and days are typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from itertools import pairwise
from string import Template

from include.dynamo_lake.declaration.model import Column, Pipeline
from include.dynamo_lake.errors import DeclarationError, Mistake
from include.dynamo_lake.names import QUARANTINE_TABLE, PipelineNames, mirror_table

OFFENDERS_SHOWN = 10
MAX_DAY_RANGES = 200
"""Athena takes 256 KiB of SQL: days that lie more scattered than this are widened, which scans more and misses
nothing.
"""

_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Snapshots:
    """Which snapshot of each table is checked; None for a table that has none yet (it is read as it is: empty)."""

    target: int | None
    mirror: int | None
    quarantine: int | None


def check_names() -> tuple[str, ...]:
    """The checks that a declaration may name."""
    return tuple(sorted(f.name.removesuffix(".sql") for f in files(__name__).iterdir() if f.name.endswith(".sql")))


def render_check(
    name: str,
    pipeline: Pipeline,
    snapshots: Snapshots,
    *,
    days: Iterable[date],
    since_run: int,
    filled_since_run: int | None = None,
) -> str:
    """The SQL of one check.

    ``days``: of every item affected since the published snapshot (``lake.days`` of the commits since). ``since_run``:
    the published snapshot's ``derived_through``, 0 where the whole table is checked. ``filled_since_run``: rows of items
    written by later runs have every required column (by default as ``since_run``; another one where the whole table is checked
    though it was not made anew). Raises ``DeclarationError`` for an unknown check.
    """
    if name not in check_names():
        remedy = f"Known: {', '.join(check_names())}; a check is include/dynamo_lake/checks/<name>.sql"
        raise DeclarationError(f"{pipeline.name}.toml", (Mistake("checks.run", f"unknown check {name!r}", remedy),))
    template = Template(files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8"))
    filled = since_run if filled_since_run is None else filled_since_run
    return template.substitute(_values(pipeline, snapshots, tuple(days), since_run, filled))


def identifier(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def _values(
    pipeline: Pipeline, snapshots: Snapshots, days: tuple[date, ...], since_run: int, filled_since_run: int
) -> Mapping[str, str]:
    target = pipeline.target
    never_null = {*target.row_key, target.partition}
    required = [column.name for column in target.columns if column.required or column.name in never_null]
    keys = _item_keys(pipeline)
    names = [column.name for column, _ in keys]
    return {
        "target": _table(pipeline, target.table, snapshots.target),
        "mirror": _table(pipeline, mirror_table(target.source), snapshots.mirror),
        "quarantine": _table(pipeline, QUARANTINE_TABLE, snapshots.quarantine),
        "partition": identifier(target.partition),
        "row_key": _listed(map(identifier, target.row_key)),
        "required": _listed(map(identifier, required)),
        "required_of_counted": _listed(f"counted.{identifier(column)}" for column in required),
        "any_key_is_null": " OR ".join(f"{identifier(column)} IS NULL" for column in required if column in never_null),
        "any_required_is_null": " OR ".join(f"{identifier(column)} IS NULL" for column in required),
        "changed_days": _on_days(identifier(target.partition), days),
        "item_key": _listed(map(identifier, names)),
        "item_key_of_mirror": _listed(f"{value} AS {identifier(column.name)}" for column, value in keys),
        "item_key_compared": _listed(
            f"coalesce(affected.{identifier(name)}, counted.{identifier(name)}) AS {identifier(name)}" for name in names
        ),
        "counted_join": "LEFT" if since_run else "FULL",
        "same_item": " AND ".join(f"counted.{identifier(name)} = affected.{identifier(name)}" for name in names),
        "list_path": literal(f"${_member(target.list)}.L"),
        "source": literal(target.source),
        "since_run": str(int(since_run)),
        "filled_since_run": str(int(filled_since_run)),
        "limit": str(OFFENDERS_SHOWN),
    }


def _table(pipeline: Pipeline, table: str, snapshot_id: int | None) -> str:
    name = f"{identifier(PipelineNames(pipeline.name).lake_database)}.{identifier(table)}"
    return name if snapshot_id is None else f"{name} FOR VERSION AS OF {int(snapshot_id)}"


def _item_keys(pipeline: Pipeline) -> list[tuple[Column, str]]:
    """The target's columns of the item's key, and how each is read from the mirror's key text."""
    keys: list[tuple[Column, str]] = []
    for index, (attribute, column) in enumerate(zip(pipeline.main.key, pipeline.key_columns, strict=True)):
        text = f"json_extract_scalar(key, {literal(f'$[{index}].{attribute.type}')})"
        keys.append((column, text if column.decimal is None else _exact_decimal(text, *column.decimal)))
    return keys


def _exact_decimal(text: str, precision: int, scale: int) -> str:
    """A number's text as decimal, or null where it does not fit: Athena's cast rounds, and fails on what is too large."""
    digits = f"regexp_replace({text}, '[eE].*|[^0-9]', '')"
    exponent = f"coalesce(TRY_CAST(regexp_extract({text}, '[eE](.*)', 1) AS INTEGER), 0)"
    fraction = f"coalesce(length(regexp_extract({text}, '[.]([0-9]*)', 1)), 0)"
    zeros = f"length(regexp_extract({digits}, '0*$'))"
    decimal = f"TRY_CAST({text} AS DECIMAL({precision},{scale}))"
    return f"CASE WHEN {exponent} - {fraction} + {zeros} >= {-scale} THEN {decimal} END"


def _member(name: str) -> str:
    """A step of a JSON path."""
    return f".{name}" if _PLAIN_NAME.fullmatch(name) else f'["{name}"]'


def _on_days(column: str, days: tuple[date, ...]) -> str:
    """A condition that partitions are pruned by; true for no row where nothing changed."""
    ranges = day_ranges(days)
    if not ranges:
        return "(1 = 0)"
    parts = (
        f"({column} >= {_midnight(first)} AND {column} < {_midnight(last + timedelta(days=1))})"
        for first, last in ranges
    )
    return "(" + " OR ".join(parts) + ")"


def day_ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as ranges, first and last included; the narrowest gaps are closed until at most ``MAX_DAY_RANGES`` remain."""
    listed = sorted(set(days))
    gaps = sorted((later - earlier for earlier, later in pairwise(listed)), reverse=True)
    split_above = max(timedelta(days=1), gaps[MAX_DAY_RANGES - 1] if len(gaps) >= MAX_DAY_RANGES else timedelta(0))
    ranges: list[tuple[date, date]] = []
    for day in listed:
        if ranges and day - ranges[-1][1] <= split_above:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def _midnight(day: date) -> str:
    return f"TIMESTAMP '{day.isoformat()} 00:00:00'"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
