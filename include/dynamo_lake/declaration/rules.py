"""The rules between fields: what a declaration may not say although each field alone is well-formed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from include.dynamo_lake.declaration import lookup_rules, target_rules
from include.dynamo_lake.declaration.columns import Table
from include.dynamo_lake.declaration.cron import cron_problem
from include.dynamo_lake.erasure import least_erase_days
from include.dynamo_lake.errors import Mistake


def rule_mistakes(table: Table) -> list[Mistake]:
    """Every broken rule between the fields of a declaration. Where a field is missing or wrong, only the rule that needs it is left
    out, and of rules for each column, source or match only that one's.
    """
    rules = (
        _schedule,
        _tables,
        _main_source,
        _unused_sources,
        _retention,
        *target_rules.RULES,
        *lookup_rules.RULES,
    )
    broken = [mistake for rule in rules for mistake in _broken(rule, table)]
    for rule, path, entries in _repeated_rules(table):
        for name, entry in entries:
            broken += _broken(rule, table, entry, path.format(name))
    return broken


def _repeated_rules(table: Table) -> Iterator[tuple[Callable[..., Iterator[Mistake]], str, list[tuple[Any, Table]]]]:
    """Rules for one entry each, the path of an entry, and the entries with what stands for them in the path."""
    target = table.get("target", {})
    columns = list(enumerate(target.get("columns", ())))
    for rule in target_rules.COLUMN_RULES:
        yield rule, "target.columns[{}]", columns
    yield _key, "sources.{}.key", list(table.get("sources", {}).items())
    main = table.get("sources", {}).get(target.get("source"), {})
    yield target_rules.KEY_RULE, "target.columns", list(enumerate(main.get("key", ())))
    yield lookup_rules.MATCH_RULE, "lookup.on[{}]", list(enumerate((table.get("lookup") or {}).get("on", ())))


def _broken(rule: Callable[..., Iterator[Mistake]], *arguments: Any) -> list[Mistake]:
    found: list[Mistake] = []
    with suppress(KeyError):  # validation has told of that field already; what the rule found before stays
        found.extend(rule(*arguments))
    return found


def _schedule(table: Table) -> Iterator[Mistake]:
    for name in ("cron", "reconcile"):
        expression = table["schedule"].get(name)
        problem = cron_problem(expression) if expression else None
        if problem:
            yield Mistake(
                f"schedule.{name}", problem, "Write minute, hour, day of month, month, day of week as numbers"
            )


def _key(table: Table, source: Table, path: str) -> Iterator[Mistake]:
    names = [attribute["name"] for attribute in source["key"]]
    if len(names) > 2 or len(set(names)) < len(names):
        yield Mistake(path, f"{names} is no DynamoDB key", "A key has one or two different attributes")


def _tables(table: Table) -> Iterator[Mistake]:
    tables = [source["table"] for source in table["sources"].values()]
    if len(set(tables)) < len(tables):
        yield Mistake("sources", "one table is declared twice", "Declare each DynamoDB table once")


def _main_source(table: Table) -> Iterator[Mistake]:
    if table["target"]["source"] not in table["sources"]:
        yield Mistake(
            "target.source",
            f"{table['target']['source']!r} is not declared",
            f"Declare [sources.{table['target']['source']}]",
        )


def _unused_sources(table: Table) -> Iterator[Mistake]:
    used = {table["target"]["source"], (table["lookup"] or {}).get("source")}
    for source_id in table["sources"].keys() - used:
        yield Mistake(
            f"sources.{source_id}", "is neither the main nor the lookup source", "Remove it: a pipeline has one of each"
        )


def _retention(table: Table) -> Iterator[Mistake]:
    declared = table["retention"]
    least = least_erase_days(declared["time_travel_days"])
    if declared["erase_within_days"] < least:
        yield Mistake(
            "retention.erase_within_days",
            f"{declared['erase_within_days']} days are fewer than the last copy of a deleted item takes to go",
            f"Write at least {least}, or fewer time_travel_days (docs/erasure.md adds them up)",
        )
